import { type ServerOptions, ServerProcess } from './server-process.ts'

/** Small enough for every run of the tests, or as large as the promise. */
export type Size = 'small' | 'full'

/** One criterion, with what was measured beside it. */
export interface Finding {
  readonly what: string
  readonly wanted: string
  readonly measured: string
  readonly holds: boolean
}

export interface Scenario {
  readonly name: string
  play(size: Size): Promise<Finding[]>
}

/** As many as wanted, no more and no less. */
export function exactly(what: string, wanted: number, measured: number): Finding {
  return { what, wanted: show(wanted), measured: show(measured), holds: measured === wanted }
}

export function atMost(what: string, wanted: number, measured: number, unit = ''): Finding {
  return {
    what,
    wanted: `≤ ${show(wanted)}${unit}`,
    measured: `${show(measured)}${unit}`,
    holds: measured <= wanted,
  }
}

export function atLeast(what: string, wanted: number, measured: number, unit = ''): Finding {
  return {
    what,
    wanted: `≥ ${show(wanted)}${unit}`,
    measured: `${show(measured)}${unit}`,
    holds: measured >= wanted,
  }
}

/** Measured for the record: nothing is promised of it. */
export function noted(what: string, measured: string): Finding {
  return { what, wanted: '–', measured, holds: true }
}

function show(value: number): string {
  return (Math.round(value * 100) / 100).toLocaleString('en')
}

/** Plays against a server of its own, and holds for every fault what holds for all: nothing is uncaught. */
export async function against(
  options: ServerOptions,
  play: (server: ServerProcess) => Promise<Finding[]>,
  descriptors?: number,
): Promise<Finding[]> {
  const server = await ServerProcess.start(options, descriptors)
  try {
    const findings = await play(server)
    const { uncaught } = await server.status()
    const worst = uncaught[0] === undefined ? '' : ` (${uncaught[0]})`
    return [...findings, exactly(`uncaught errors${worst}`, 0, uncaught.length)]
  } finally {
    await server.stop()
  }
}
