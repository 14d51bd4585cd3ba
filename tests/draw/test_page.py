"""Pages in headless Chromium: no request, no error, and what pointer and keys do."""

import shutil
from pathlib import Path

import pytest

from nngraph.cli.arguments import load_graph
from nngraph.draw.arena import arena_drawing, arena_of
from nngraph.draw.drawing import rendered
from nngraph.draw.page import Words
from nngraph.report.compilation import compilation_of
from tests.draw.pictures import MODELS, needs_graphviz, picture

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    needs_graphviz,
]
MB = 1_000_000


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser, tmp_path):
    """Opens a page; at the end it must not have asked for anything or complained."""
    said: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 800})

    def opened(content: str):
        file = Path(tmp_path / "page.html")
        file.write_text(content, encoding="utf-8")
        page = context.new_page()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        own = (file.as_uri(), "about:srcdoc")
        page.on("request", lambda request: said.append(request.url) if request.url not in own else None)
        page.goto(file.as_uri())
        if "<iframe" not in content:
            page.wait_for_function("document.documentElement.dataset.ready")
        return page

    yield opened
    context.close()
    assert said == []


def visible(page) -> list[str]:
    return page.eval_on_selector_all("#canvas .item .name", "found => found.map((each) => each.textContent)")


@pytest.mark.parametrize("after", [None, "differentiate", "optimize"])
def test_randwire_cifar_is_small_and_soon_there(show, after, record_property, capsys):
    content = str(rendered(picture("randwire_cifar.json", after), "html"))
    assert len(content.encode()) < 3 * MB
    page = show(content)
    ready = int(page.evaluate("document.documentElement.dataset.ready"))
    record_property("interactive_ms", ready)  # reported, not judged: machines differ
    with capsys.disabled():
        print(f"\nrandwire_cifar, {after or 'declare'}: {len(content) / MB:.2f} MB, interactive after {ready} ms")
    assert page.locator("#canvas .item").count() >= 10
    page.click("#expand")
    page.wait_for_function("view.drawn !== null")
    assert page.evaluate("view.scene.boxes.length") == page.evaluate("graph.count")


def test_texts_that_begin_alike_come_whole(show):
    """Those outside of Unicode's basic plane too, which scripts count as two."""
    texts = [
        "",
        "stage1/n00",
        "stage1/n00/norm",
        "stage1/n01",
        "\U0001d70e(x)",
        "\U0001d70e(y)",
        "\U0001d70f",
        "ab",
        "a",
    ]
    page = show(str(rendered(picture("digits_mlp.json", "fuse"), "html")))
    assert page.evaluate("parts => unfolded(parts)", Words(texts).listed()) == texts
    assert page.evaluate("unfolded(graph.data.words).length") == page.evaluate("new Set(graph.words).size")
    assert {"hidden1", "relu1"} <= set(page.evaluate("graph.ids"))


def test_the_page_of_the_largest_model_is_small():
    content = str(rendered(picture("randwire/regular_ba_154.json", "optimize"), "html"))
    assert len(content.encode()) < 3 * MB


def test_a_click_shows_details_and_a_jump_goes_along(show):
    page = show(str(rendered(picture("digits_mlp.json", "differentiate"), "html")))
    page.click("#canvas .item:has(.name:text-is('hidden2'))")
    panel = page.locator("#panel")
    text = panel.inner_text()
    parts = (
        "linear",
        "8,256",
        "hidden2.weight: 64×128",
        "Reads",
        "dropout1",
        "gradient/hidden2/sum",
        "its kernel",
        "call ",
    )
    for part in parts:
        assert part in text, part
    panel.locator("summary").first.click()
    panel.locator("details[open] pre", has_text="def ng_").wait_for()  # `toggle` comes after the click
    panel.get_by_role("button", name="gradient/hidden2/sum").first.click()
    assert panel.locator("h2").inner_text() == "gradient/hidden2/sum"
    assert "gradient/hidden2" in page.locator("#trail").inner_text()


def test_search_finds_a_node_inside_of_closed_groups(show):
    page = show(str(rendered(picture("digits_randwire.json"), "html")))
    assert "depthwise" not in visible(page)
    page.keyboard.press("/")
    page.keyboard.type("n05 depthwise")
    rows = page.locator("#found li")
    assert rows.first.inner_text().startswith("stage1/n05/depthwise")
    page.keyboard.press("Enter")
    assert page.locator("#panel h2").inner_text() == "stage1/n05/depthwise"
    page.wait_for_function("document.querySelector('#canvas .chosen .name')?.textContent === 'depthwise'")
    page.keyboard.press("/")
    page.fill("#search", "nothing of that name")
    assert rows.first.inner_text() == "nothing found"


def test_groups_open_and_close_by_pointer_and_key(show):
    page = show(str(rendered(picture("digits_randwire.json"), "html")))
    count = page.evaluate("view.scene.boxes.length")
    stage = page.locator("#canvas .item:has(.name:text-is('stage1'))")
    stage.locator("[data-act=open]").click()
    page.wait_for_function(f"view.scene.boxes.length > {count}")
    assert {"n00", "n01"} <= set(visible(page))
    page.locator("#canvas .open [data-act=turn]").first.click()
    assert page.evaluate("graph.rings.size") == 1
    page.locator("#canvas .open [data-act=close]").first.click()
    assert page.evaluate("view.scene.boxes.length") == count
    page.click("#canvas .item:has(.name:text-is('stage1'))")
    page.keyboard.press("Enter")
    assert page.evaluate("view.scene.boxes.length") > count
    page.keyboard.press("c")
    assert page.evaluate("view.scene.boxes.length") == count


def test_keys_go_along_arrows(show):
    page = show(str(rendered(picture("digits_mlp.json"), "html")))
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "canvas":
            break
    assert page.evaluate("document.activeElement.id") == "canvas"
    seen = []
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
        seen.append(page.locator("#panel h2").inner_text())
    assert seen == ["image", "dropout0", "hidden1", "dropout0", "hidden1"]
    assert "hidden1" in page.locator("#status").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#panel").inner_text() == ""


def test_dragging_and_the_wheel_move_and_zoom(show):
    page = show(str(rendered(picture("digits_mlp.json"), "html")))
    before = page.evaluate("[view.left, view.top, view.scale]")
    page.mouse.move(900, 400)
    page.mouse.down()
    page.mouse.move(840, 360)
    page.mouse.up()
    moved = page.evaluate("[view.left, view.top, view.scale]")
    assert moved[0] > before[0]
    assert moved[1] > before[1]
    assert page.locator("#panel").inner_text() == ""
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"view.scale > {before[2]}")
    page.keyboard.press("0")
    assert page.evaluate("[view.left, view.top, view.scale]") == before


def test_what_is_opened_moves_nothing_onto_another(show):
    """Boxes of one group stay apart, and inside of what is around them, whatever is open."""
    page = show(str(rendered(picture("digits_randwire.json"), "html")))
    page.click("#expand")
    boxes = page.evaluate("view.scene.boxes.map((b) => ({...b, parent: graph.parent(b.key)}))")
    groups: dict[int, list[dict]] = {}
    for box in boxes:
        groups.setdefault(box["parent"], []).append(box)
    placed = {box["key"]: box for box in boxes}
    for parent, inner in groups.items():
        for k, a in enumerate(inner):
            for b in inner[k + 1 :]:
                across = a["x"] + a["width"] <= b["x"] + 2 or b["x"] + b["width"] <= a["x"] + 2
                down = a["y"] + a["height"] <= b["y"] + 2 or b["y"] + b["height"] <= a["y"] + 2
                assert across or down
            if parent >= 0:
                outer = placed[parent]
                assert outer["x"] <= a["x"]
                assert a["x"] + a["width"] <= outer["x"] + outer["width"] + 1
                assert outer["y"] <= a["y"]
                assert a["y"] + a["height"] <= outer["y"] + outer["height"] + 1


def test_the_page_of_an_arena(show):
    arena = arena_of(compilation_of(load_graph(MODELS / "digits_mlp.json")))
    page = show(str(arena_drawing(arena, "html")))
    assert page.locator("#canvas [data-row]").count() == len(arena.report.rows)
    page.keyboard.press("/")
    page.keyboard.type("gradient")
    found = sum("gradient" in row.name for row in arena.report.rows)
    assert page.locator("#status").inner_text() == f"{found} values found"
    page.keyboard.press("Enter")
    assert page.locator("#panel h2").inner_text().startswith("gradient/")


def test_a_notebook_shows_it_in_a_frame(show):
    from tests.draw.pictures import small_graph

    page = show(f"<!DOCTYPE html><body>{small_graph()._repr_html_()}</body>")
    frame = page.frames[1]
    frame.wait_for_function("view.scale > 0.3 && document.querySelectorAll('#canvas .item').length > 4")
    frame.click("#canvas .item:has(.name:text-is('h1'))")
    assert frame.locator("#panel h2").inner_text() == "h1"


def test_a_page_of_a_script_in_a_name_runs_none(show):
    from nngraph.draw.subject import picture_of
    from tests.draw.pictures import small_graph

    name = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
    page = show(str(rendered(picture_of(compilation_of(small_graph(name))), "html")))
    assert page.locator("#title").inner_text() == name
    assert page.evaluate("window.broken") is None
