"""Every architecture: what goes in and out, how many parameters by hand, and which starts it takes."""

from __future__ import annotations

import inspect

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from torch import nn  # noqa: E402

from mien import weights  # noqa: E402
from mien.core.errors import SettingsError, WeightsError  # noqa: E402
from mien.training.architectures import architectures, build_network, load_architecture, start_from  # noqa: E402

SMALL_OPTIONS: dict[str, dict[str, object]] = {
    "mien": {"widths": [8, 16]},
    "mobilenetv2": {"width": 0.25, "head_width": 32},
}
SIDES = {
    "mien": (48, 64),
    "mobilenetv1": (64, 129),
    "mobilenetv2": (64, 112, 128, 224),
    "resnet50": (64,),
    "resemotenet": (64,),
}


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def convolution(inputs: int, outputs: int, size: int) -> int:
    """Weights without bias, and the scale and offset of the batch normalisation that follows."""
    return inputs * outputs * size * size + 2 * outputs


@pytest.mark.parametrize("name", architectures())
def test_pictures_in_logits_out(name: str) -> None:
    for channels in (1, 3):
        network = build_network(name, 7, channels, SMALL_OPTIONS.get(name, {})).eval()
        for side in SIDES[name] if channels == 3 else SIDES[name][:1]:
            with torch.inference_mode():
                assert network(torch.zeros(2, channels, side, side)).shape == (2, 7)


@pytest.mark.parametrize("name", architectures())
def test_the_head_is_what_the_prefix_names(name: str) -> None:
    network = build_network(name, 5, 1, SMALL_OPTIONS.get(name, {}))
    head = [p for n, p in network.named_parameters() if n.startswith(load_architecture(name).HEAD)]
    assert head[-1].shape == (5,), "the last parameter of the head is the answer's offset"
    assert sum(p.numel() for p in head) < parameters(network)


@pytest.mark.parametrize("name", architectures())
def test_a_start_keeps_the_body_and_makes_a_new_head_for_other_classes(name: str) -> None:
    options = SMALL_OPTIONS.get(name, {})
    first, second = build_network(name, 8, 1, options), build_network(name, 3, 1, options)
    start_from(second, first.state_dict())
    head = load_architecture(name).HEAD
    given, taken = first.state_dict(), second.state_dict()
    assert all(torch.equal(given[n], taken[n]) for n in given if not n.startswith(head))
    with pytest.raises(SettingsError, match="of another network"):
        start_from(second, {"nothing": torch.zeros(1)})
    with pytest.raises(SettingsError, match=r"no place for more\.weight"):
        start_from(second, {**given, "more.weight": torch.zeros(1)})


@pytest.mark.parametrize("name", [n for n in architectures() if n != "mien"])
def test_a_grey_start_from_colour_answers_the_same_on_grey(name: str) -> None:
    options = SMALL_OPTIONS.get(name, {})
    colour, grey = build_network(name, 4, 3, options).eval(), build_network(name, 4, 1, options).eval()
    start_from(grey, colour.state_dict())
    picture = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(grey(picture), colour(picture.expand(-1, 3, -1, -1)), atol=1e-4)


def test_a_deepened_mien_answers_as_the_shallow_one() -> None:
    shallow, deep = (build_network("mien", 8, 1, {"widths": [8, 16], "blocks": b}).eval() for b in (1, 3))
    start_from(deep, shallow.state_dict())
    picture = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(deep(picture), shallow(picture), atol=1e-6)


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_pruned_mien_answers_as_the_wide_one_without_its_weakest_channels(blocks: int) -> None:
    generator = torch.Generator().manual_seed(3)
    wide = build_network("mien", 8, 1, {"widths": [12, 20], "blocks": blocks}).eval()
    narrow = build_network("mien", 8, 1, {"widths": [8, 14], "blocks": blocks}).eval()
    dead = {width: torch.randperm(width, generator=generator)[: width // 3] for width in (12, 20)}
    for module in wide.modules():
        if isinstance(module, nn.BatchNorm2d):
            gone = dead[module.num_features]
            module.weight.data.uniform_(0.5, 1.5, generator=generator)[gone] = 0.0
            module.bias.data.normal_(generator=generator)[gone] = 0.0
            module.running_mean.data.normal_(generator=generator)  # type: ignore[union-attr]
    start_from(narrow, wide.state_dict())
    picture = torch.rand(2, 1, 48, 48, generator=generator)
    with torch.inference_mode():
        assert torch.allclose(narrow(picture), wide(picture), atol=1e-5)


def test_a_narrow_mien_is_no_start_for_a_wide_one() -> None:
    narrow, wide = (build_network("mien", 8, 1, {"widths": widths}) for widths in ([8, 16], [8, 20]))
    with pytest.raises(SettingsError, match=r"expected \(20"):
        start_from(wide, narrow.state_dict())


def test_a_depthwise_layer_answers_alike_in_either_precision() -> None:
    network = build_network("mobilenetv2", 8, 1, {"width": 0.25, "enlarge": 2}).eval()
    picture = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact = network(picture)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(picture)
    assert rounded.dtype == torch.bfloat16
    assert torch.allclose(exact, rounded.float(), atol=0.05)


def test_unknown_names_are_answered_with_the_known() -> None:
    with pytest.raises(SettingsError, match="mien, mobilenetv1, mobilenetv2, resemotenet, resnet50"):
        build_network("vgg", 8, 1, {})
    with pytest.raises(SettingsError, match="depth"):
        build_network("mien", 8, 1, {"depth": 3})


@pytest.mark.parametrize("name", architectures())
def test_every_argument_of_a_network_is_an_option_that_is_checked(name: str) -> None:
    """One without a rule would reach torch as it is, and be told by a traceback or not at all."""
    network = type(build_network(name, 8, 1, SMALL_OPTIONS.get(name, {})))
    arguments = set(inspect.signature(network).parameters) - {"classes", "channels"}
    assert arguments == set(load_architecture(name).OPTIONS)
    for option in arguments:
        for value in (-1, "wide"):
            with pytest.raises(SettingsError, match=f"{option} of {name} must be"):
                build_network(name, 8, 1, {option: value})


def test_resemotenet_has_the_published_parameters() -> None:
    def block(inputs: int, outputs: int) -> int:
        return convolution(inputs, outputs, 3) + convolution(outputs, outputs, 3) + convolution(inputs, outputs, 1)

    stem = sum(convolution(i, o, 3) + o for i, o in ((3, 64), (64, 128), (128, 256)))
    excitation = 2 * 256 * 16
    head = sum(i * o + o for i, o in ((2048, 1024), (1024, 512), (512, 256), (256, 7)))
    expected = stem + excitation + block(256, 512) + block(512, 1024) + block(1024, 2048) + head
    assert parameters(build_network("resemotenet", 7, 3, {})) == expected
    assert round(expected / 1e6) == 80


def test_resemotenet_drops_as_described() -> None:
    network = build_network("resemotenet", 7, 3, {})
    shares = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    assert shares == [0.2] * 3 + [0.5] * 3


def test_mobilenetv2_has_the_published_body_and_the_head_of_512() -> None:
    published, classifier = 3_504_872, 1280 * 1000 + 1000
    head = 1280 * 512 + 2 * 512 + 512 * 8 + 8
    assert parameters(build_network("mobilenetv2", 8, 3, {})) == published - classifier + head
    assert parameters(build_network("mobilenetv2", 8, 3, {"head_width": 0})) == published - classifier + 1280 * 8 + 8


def test_resnet50_has_the_published_parameters() -> None:
    assert parameters(build_network("resnet50", 1000, 3, {})) == 25_557_032


def test_mien_m_has_the_parameters_of_its_widths() -> None:
    widths, expected, inputs = (32, 64, 128, 256), convolution(1, 32, 3), 32
    for width in widths:
        expected += convolution(inputs, width, 3) + convolution(width, width, 3)
        expected += convolution(inputs, width, 1) if inputs != width else 0
        inputs = width
    assert parameters(build_network("mien", 8, 1, {"widths": list(widths)})) == expected + 256 * 8 + 8


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("name", ["features.conv0.weight", "features.", "features.0.weight"])
def test_other_networks_features_are_no_start_for_mien(name: str, blocks: int) -> None:
    """DenseNet's have names for numbers; others begin with a normalisation."""
    network = build_network("mien", 8, 1, {"widths": [8, 16], "blocks": blocks})
    with pytest.raises(SettingsError, match="of another network"):
        start_from(network, {name: torch.zeros(8)})


def test_the_stem_stride_halves_the_work_done_at_full_size() -> None:
    for name in ("mien", "mobilenetv2", "resnet50"):
        sides = []
        for stride in (1, 2):
            network = build_network(name, 8, 3, {"stem_stride": stride}).eval()
            first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
            sides.append(first(torch.zeros(1, 3, 64, 64)).shape[-1])
        assert sides == [64, 32], name


def test_imagenet_weights_load_into_mobilenetv2() -> None:
    try:
        path = weights.resolve("mobilenetv2-imagenet")
    except WeightsError as error:
        pytest.skip(f"the ImageNet weights are out of reach: {error}")
    given = torch.load(path, weights_only=True)
    network = build_network("mobilenetv2", 8, 3, {"stem_stride": 1})
    start_from(network, given)
    taken = network.state_dict()
    body = [name for name in taken if name.startswith("features.")]
    assert {name for name in given if not name.startswith("classifier.")} == set(body)
    assert all(torch.equal(given[name], taken[name]) for name in body)


def test_frozen_layers_keep_their_weights_and_answer_alike() -> None:
    whole, part = (build_network("mobilenetv1", 8, 1, {"frozen": layers}) for layers in (0, 3))
    start_from(part, whole.state_dict())
    x = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(whole.eval()(x), part.eval()(x))
    part.train()(x).sum().backward()
    moving = {name.rpartition(".")[0] for name, weight in part.named_parameters() if weight.grad is not None}
    layers = [name for name, module in part.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert [name for name in layers if name not in moving] == layers[:3]


@pytest.mark.parametrize("side", [65, 97])
def test_a_picture_is_enlarged_before_it_is_looked_at(side: int) -> None:
    plain, enlarging = (build_network("mobilenetv1", 8, 1, options).eval() for options in ({}, {"side": side}))
    start_from(enlarging, plain.state_dict())
    x = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    larger = nn.functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        assert torch.equal(enlarging(x), plain(larger))
