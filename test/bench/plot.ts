import { digits, type Limited } from './limits.ts'

const WIDTH = 860
const LABELS = 330
const MARGIN = 24
const HEAD = 70
const ROW = 40
const BAR = 24

/** Narrower bars carry their percentage beside them. */
const ROOMY = 48

const RED = '#b00020'
const BLUE = '#3b6ea5'

/** How much of its limit each row takes, as bars; the red line is the limit. An SVG document. */
export function plot(rows: readonly Limited[], machine: string): string {
  const longest = Math.max(1, ...rows.map(({ counts, limit }) => counts / limit))
  const scale = (WIDTH - LABELS - 2 * MARGIN) / longest
  const bottom = HEAD + rows.length * ROW
  const line = Math.round(LABELS + scale)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + MARGIN}" font-family="sans-serif" font-size="13">`,
    '<title>Each measurement as a share of its limit</title>',
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    text(MARGIN, 26, 'Each measurement as a share of its limit', 'font-size="15" font-weight="bold"'),
    text(MARGIN, 46, machine, 'fill="#555555"'),
    ...rows.map((row, i) => bar(row, HEAD + i * ROW, scale)),
    `<line x1="${line}" y1="${HEAD - 10}" x2="${line}" y2="${bottom}" stroke="${RED}" stroke-width="2"/>`,
    text(line, bottom + 14, 'limit', `fill="${RED}" text-anchor="middle"`),
    '</svg>',
    '',
  ].join('\n')
}

function bar({ name, unit, counts, limit }: Limited, y: number, scale: number): string {
  const share = counts / limit
  const width = Math.max(1, Math.round(share * scale))
  const times = unit === 'ms' ? ' ×' : ' bytes'
  const percent =
    width < ROOMY
      ? text(LABELS + width + 6, y + 17, percentOf(share), 'fill="#333333"')
      : text(LABELS + width - 6, y + 17, percentOf(share), 'fill="#ffffff" text-anchor="end"')
  return [
    text(LABELS - 10, y + 10, name, 'text-anchor="end"'),
    text(
      LABELS - 10,
      y + 25,
      `${digits(counts)} of ${limit}${times}`,
      'text-anchor="end" font-size="11" fill="#555555"',
    ),
    `<rect x="${LABELS}" y="${y}" width="${width}" height="${BAR}" fill="${share > 1 ? RED : BLUE}"/>`,
    percent,
  ].join('\n')
}

const percentOf = (share: number) => `${Math.round(100 * share)} %`

function text(x: number, y: number, words: string, style: string): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x}" y="${y}" ${style}>${safe}</text>`
}
