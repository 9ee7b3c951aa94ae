import { eastAsianWidth } from "get-east-asian-width";

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  // Nearly all names are this, and there are thousands of them.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += widthOfOne(segment);
  return width;
}

/** The text in exactly so many columns: padded, or cut with an ellipsis. */
export function cell(text: string, width: number, side: "left" | "right" = "left"): string {
  if (width <= 0) return "";
  const has = widthOf(text);
  if (has <= width) {
    const space = " ".repeat(width - has);
    return side === "left" ? text + space : space + text;
  }
  let cut = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const next = widthOfOne(segment);
    if (used + next > width - 1) break;
    cut += segment;
    used += next;
  }
  return `${cut}…${" ".repeat(width - 1 - used)}`;
}

function widthOfOne(segment: string): number {
  if (/^[\p{Mark}\p{Format}]+$/u.test(segment)) return 0;
  if (/\p{Emoji_Presentation}|\uFE0F/u.test(segment)) return 2;
  return eastAsianWidth(segment.codePointAt(0) ?? 0);
}

/** A column of a table: what stands above it, and how its width is found. */
export interface Column {
  readonly title: string;
  /** At least, and at most when there is room. */
  readonly width: readonly [least: number, most: number];
  readonly side?: "left" | "right";
  /** The higher, the sooner it is left out when there is no room for all. @default 0: never */
  readonly spare?: number;
}

/** Which columns are shown in so much room, and how wide each is; nothing for one that is left out. */
export function layOut(columns: readonly Column[], room: number): readonly (number | undefined)[] {
  let shown = columns.map((_, index) => index);
  const need = (): number => shown.reduce((sum, index) => sum + (columns[index]?.width[0] ?? 0) + 1, -1);
  while (need() > room) {
    const worst = shown.reduce((a, b) => ((columns[b]?.spare ?? 0) > (columns[a]?.spare ?? 0) ? b : a));
    if ((columns[worst]?.spare ?? 0) === 0) break;
    shown = shown.filter((index) => index !== worst);
  }
  const widths = columns.map(({ width }, index) => (shown.includes(index) ? width[0] : undefined));
  let left = room - need();
  while (left > 0) {
    const growing = shown.filter((index) => (widths[index] ?? 0) < (columns[index]?.width[1] ?? 0));
    if (growing.length === 0) break;
    for (const index of growing) {
      if (left === 0) break;
      widths[index] = (widths[index] ?? 0) + 1;
      left -= 1;
    }
  }
  return widths;
}

/** One line of a table. */
export function row(
  columns: readonly Column[],
  widths: readonly (number | undefined)[],
  cells: readonly string[],
): string {
  return columns
    .flatMap(({ side }, index) => {
      const width = widths[index];
      return width === undefined ? [] : [cell(cells[index] ?? "", width, side)];
    })
    .join(" ");
}
