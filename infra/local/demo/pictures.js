// Product pictures as SVG, drawn from a few shapes; the style sheet sets the colours of each product's tones.

import { s } from "/console/dom.js";

/** @typedef {[tag: keyof SVGElementTagNameMap, tone: string, shape: Record<string, string | number>]} Shape */

/** @type {(tone: string, d: string) => Shape} */
const path = (tone, d) => ["path", tone, { d }];
/** @type {(tone: string, cx: number, cy: number, rx: number, ry?: number) => Shape} */
const ellipse = (tone, cx, cy, rx, ry = rx) => ["ellipse", tone, { cx, cy, rx, ry }];
/** @type {(tone: string, x: number, y: number, width: number, height: number, rx?: number) => Shape} */
const rect = (tone, x, y, width, height, rx = 0) => ["rect", tone, { x, y, width, height, rx }];

/** By product ID. @type {Record<string, Shape[]>} */
const SHAPES = {
  lamp: [
    path("glow", "M68 102L46 162H154L132 102Z"),
    rect("deep", 97, 96, 6, 62), ellipse("deep", 100, 160, 30, 6),
    path("main", "M64 102L80 46H120L136 102Q100 112 64 102Z"),
    path("light", "M80 46H92L84 106Q72 105 64 102Z"),
  ],
  mug: [
    path("line-main", "M126 96H138A17 17 0 0 1 138 130H126"),
    path("main", "M60 82H128V138Q128 160 108 160H80Q60 160 60 138Z"),
    path("light", "M60 82H72V159Q60 154 60 138Z"),
    ellipse("main", 94, 82, 34, 8), ellipse("deep", 94, 83, 27, 5),
    path("line-light", "M82 66Q74 57 82 48T82 30M104 66Q96 57 104 48T104 30"),
  ],
  vase: [
    path("line-deep", "M100 78Q98 46 112 18M105 44Q92 38 84 26M103 58Q118 52 124 42"),
    ellipse("deep", 114, 16, 5, 8), ellipse("deep", 82, 24, 5, 7), ellipse("deep", 127, 39, 5, 7),
    path("main", "M88 72H112V88Q138 100 138 128Q138 162 100 162Q62 162 62 128Q62 100 88 88Z"),
    path("light", "M88 72H94V90Q74 104 74 130Q74 152 90 161Q62 158 62 128Q62 100 88 88Z"),
  ],
  clock: [
    path("line-deep", "M72 150L64 164M128 150L136 164"),
    ellipse("main", 100, 102, 60), ellipse("light", 100, 102, 48),
    path("line-deep", "M100 62V70M100 134V142M60 102H68M132 102H140M100 102V76M100 102L122 114"),
    ellipse("deep", 100, 102, 4),
  ],
  stool: [
    path("line-deep", "M72 92L60 164M128 92L140 164M66 134H134"),
    path("line-main", "M86 92L82 164M114 92L118 164"),
    rect("main", 50, 76, 100, 18, 9), path("light", "M59 76H141Q148 76 149 82H51Q52 76 59 76Z"),
  ],
  pot: [
    path("leaf", "M100 108Q60 92 52 50Q92 58 100 108ZM100 108Q140 92 148 50Q108 58 100 108ZM100 108Q78 70 100 28Q122 70 100 108Z"),
    path("line-light", "M100 104V52M96 96Q80 82 66 66M104 96Q120 82 134 66"),
    path("main", "M66 114H134L126 158Q125 164 118 164H82Q75 164 74 158Z"),
    rect("main", 60, 100, 80, 18, 5), path("deep", "M66 118H134L133 124H67Z"), rect("light", 60, 100, 16, 18, 5),
  ],
  teapot: [
    path("line-main", "M62 96Q34 92 36 118Q38 140 66 142"),
    path("main", "M132 128Q152 124 154 92H166Q166 142 134 146Z"),
    ellipse("main", 98, 122, 44, 40), path("light", "M72 90Q54 104 56 126Q58 148 76 157Q64 122 72 90Z"),
    path("deep", "M72 90Q98 70 124 90Q98 98 72 90Z"), ellipse("deep", 98, 74, 7),
  ],
  cushion: [
    path("main", "M46 52Q100 68 154 52Q140 106 154 160Q100 144 46 160Q60 106 46 52Z"),
    path("light", "M66 57Q76 106 66 155L78 152Q87 106 78 60ZM134 57Q124 106 134 155L122 152Q113 106 122 60Z"),
    path("deep", "M97 62H103Q106 106 103 149H97Q94 106 97 62Z"),
  ],
};

/**
 * @param {string} id of a product
 * @param {string} [label] text alternative; omit it if the text beside the picture names the product
 */
export function createPicture(id, label) {
  const accessibility = label ? { role: "img", "aria-label": label } : { "aria-hidden": true };
  const shapes = (SHAPES[id] ?? []).map(([tag, tone, shape]) => s(tag, { ...shape, class: tone }));
  return s("svg", { class: `picture of-${id}`, viewBox: "0 0 200 200", ...accessibility },
    s("ellipse", { class: "shadow", cx: 100, cy: 166, rx: 66, ry: 7 }), shapes);
}
