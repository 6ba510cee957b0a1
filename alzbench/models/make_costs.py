"""Write costs.json: `python -m alzbench.models.make_costs`, after a variant or a backbone has changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from alzbench import atomic
from alzbench.experiment import FineTuneSettings
from alzbench.models.cost import backbone_costs, suffix_parameters, variant_costs
from alzbench.models.stored_costs import FILE, Costs


def compute_costs() -> Costs:
    """Return the costs of all registered variants and backbones."""
    block = FineTuneSettings().first_block
    return Costs(variant_costs(), dict(backbone_costs()), block, suffix_parameters(block))


if __name__ == "__main__":
    atomic.write_text(Path(__file__).with_name(FILE), json.dumps(asdict(compute_costs()), indent=1) + "\n")
