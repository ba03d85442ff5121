/** A curve: points in the order of x, both axes logarithmic. */
export interface Curve {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface Plot {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly curves: readonly Curve[]
}

const WIDTH = 760
const HEIGHT = 440
const LEFT = 70
const RIGHT = 180
const TOP = 48
const BOTTOM = 56
/** Distinguishable also by people who do not see red from green. */
const COLOURS = ['#444444', '#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9']

/** Draws the plot as an SVG document. */
export function svg(plot: Plot): string {
  const x = scale(
    plot.curves.flatMap(({ points }) => points.map((point) => point.x)),
    [LEFT, WIDTH - RIGHT],
  )
  const y = scale(
    plot.curves.flatMap(({ points }) => points.map((point) => point.y)),
    [HEIGHT - BOTTOM, TOP],
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${plot.title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 26, plot.title, 'font-weight="bold"'),
    ...x.ticks.map((tick) => verticalLine(x.place(tick), tick)),
    ...y.ticks.map((tick) => horizontalLine(y.place(tick), tick)),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, plot.xLabel, 'text-anchor="middle"'),
    text(
      16,
      (TOP + HEIGHT - BOTTOM) / 2,
      plot.yLabel,
      `text-anchor="middle" transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})"`,
    ),
    ...plot.curves.map((curve, index) => drawCurve(curve, index, { x: x.place, y: y.place })),
    '</svg>',
    '',
  ].join('\n')
}

interface Scale {
  readonly ticks: readonly number[]
  place(value: number): number
}

/** A logarithmic scale in steps of 1, 2, 5, 10, … that holds all `values`: at least a decade, lest noise look steep. */
function scale(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const ticks = ticksAround(Math.min(...values, Math.max(...values) / 10), Math.max(...values))
  const low = Math.log(ticks[0] ?? 1)
  const high = Math.log(ticks.at(-1) ?? 10)
  return { ticks, place: (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from) }
}

function ticksAround(least: number, most: number): number[] {
  const steps: number[] = []
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1) {
    for (const step of [1, 2, 5]) steps.push(Number(`${step}e${power}`))
  }
  const first = steps.findLastIndex((step) => step <= least)
  const last = steps.findIndex((step) => step >= most)
  const ticks = steps.slice(Math.max(0, first), Math.max(last, first + 1) + 1)
  return ticks.length > 9
    ? ticks.filter((tick, at) => at === 0 || at === ticks.length - 1 || isPower(tick))
    : ticks
}

function isPower(tick: number): boolean {
  return Number.isInteger(Math.log10(tick))
}

function drawCurve(
  { name, points }: Curve,
  index: number,
  place: { x: Scale['place']; y: Scale['place'] },
): string {
  const colour = COLOURS[index % COLOURS.length] ?? '#000000'
  const spots = points.map((point) => [place.x(point.x).toFixed(1), place.y(point.y).toFixed(1)] as const)
  const labelY = TOP + 14 + index * 20
  return [
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${spots.map((spot) => spot.join(',')).join(' ')}"/>`,
    ...spots.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>`),
    `<rect x="${WIDTH - RIGHT + 16}" y="${labelY - 9}" width="12" height="12" fill="${colour}"/>`,
    text(WIDTH - RIGHT + 34, labelY + 1, name),
  ].join('\n')
}

function verticalLine(x: number, tick: number): string {
  return `${line(x, TOP, x, HEIGHT - BOTTOM)}${text(x, HEIGHT - BOTTOM + 18, label(tick), 'text-anchor="middle"')}`
}

function horizontalLine(y: number, tick: number): string {
  return `${line(LEFT, y, WIDTH - RIGHT, y)}${text(LEFT - 8, y + 4, label(tick), 'text-anchor="end"')}`
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1))
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="#dddddd"/>`
}

function label(tick: number): string {
  return tick >= 1 ? tick.toLocaleString('en') : String(tick)
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${safe}</text>`
}
