import './browser.ts'
import { breakConnection, CUT_MS, type Outcome } from './break.ts'
import { bytesOf, linesOf, SIDES, type Side } from './sides.ts'

/** One row of the table of docs/compare.md. */
export interface Row {
  readonly side: Side
  readonly lines: number
  readonly bytes: number
  readonly outcome: Outcome
}

export function measure(): Promise<Row[]> {
  return Promise.all(
    SIDES.map(async (side) => ({
      side,
      lines: linesOf(side),
      bytes: await bytesOf(side),
      outcome: await breakConnection(side),
    })),
  )
}

export function tableOf(rows: readonly Row[]): string {
  return [
    `| the same chat | lines of code | KB for the browser | lost over a cut of ${CUT_MS / 1_000} s | twice |`,
    '|---|---|---|---|---|',
    ...rows.map(({ side, lines, bytes, outcome }) => {
      const lost = outcome.lost === 0 ? 'nothing' : 'all that was said'
      const twice = outcome.doubled === 0 ? 'nothing' : String(outcome.doubled)
      const all = outcome.lost === 0 || outcome.lost === outcome.said
      return `| ${side.name} | ${lines} | ${(bytes / 1_000).toFixed(1)} | ${all ? lost : `${outcome.lost} of ${outcome.said}`} | ${twice} |`
    }),
  ].join('\n')
}
