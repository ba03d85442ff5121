// npm run attack -- [--seed N] [--rounds N | --round N | --minutes N | --hours N] [--sockets] [--moves N] [--trace FILE]
// [--shrink [--about TEXT]]
// Plays rounds of attacks on three nodes and says what happened. One seed gives one trace; a failing round says how to play it again.
import { closeSync, openSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { campaign } from './campaign.ts'
import { summary } from './report.ts'
import { type RunOptions, run } from './run.ts'
import { shrink } from './shrink.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    rounds: { type: 'string' },
    round: { type: 'string' },
    minutes: { type: 'string' },
    hours: { type: 'string' },
    moves: { type: 'string' },
    span: { type: 'string' },
    families: { type: 'string' },
    sockets: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    about: { type: 'string', default: '' },
    only: { type: 'string' },
    'go-on': { type: 'boolean', default: false },
    trace: { type: 'string' },
  },
})

const HOUR_MS = 3_600_000
const seed = values.seed === undefined ? (Date.now() & 0xffffff) >>> 0 : Number(values.seed)
const mode = values.sockets ? 'sockets' : 'simulated'
// An hour is one round, whose moves are spread over it.
const spanMs = Number(values.span ?? (values.hours === undefined ? 60_000 : HOUR_MS))
const count = Number(values.moves ?? 80)
const file = values.trace === undefined ? undefined : openSync(values.trace, 'w')
const write = file === undefined ? undefined : (line: string): void => void writeSync(file, line)
const families = values.families?.split(',')
const base = { mode, seed, count, spanMs, families, ...(write === undefined ? {} : { write }) } as const

console.log(`seed ${seed}, ${mode}, ${count} moves a round`)
if (values.round !== undefined) await one({ ...base, round: Number(values.round) })
else {
  const total = await campaign(base, {
    rounds:
      values.rounds === undefined ? (values.minutes || values.hours ? undefined : 20) : Number(values.rounds),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
    hours: values.hours === undefined ? undefined : Number(values.hours),
    goesOn: values['go-on'],
    failed: (options, report) => {
      console.error(`round ${options.round} fails:\n${report.findings.map((line) => `  ${line}`).join('\n')}`)
      console.error(`  again: ${commandOf(options)}`)
    },
  })
  console.log(summary(total))
  // A tree that gave up has set it, too.
  process.exitCode = total.failed > 0 ? 1 : 0
}
if (file !== undefined) closeSync(file)
// The remains of a fault would keep the process alive; they have been told.
process.exit()

/** One round alone, as it is or made as small as it can be. */
async function one(options: RunOptions): Promise<void> {
  const own =
    values.only === undefined ? options : { ...options, only: new Set(values.only.split(',').map(Number)) }
  const report = await run(own)
  console.log(`${report.digest}\n${report.findings.join('\n') || 'all is well'}`)
  if (report.findings.length === 0) return
  process.exitCode = 1
  if (!values.shrink) return
  const about = report.findings.find((finding) => finding.includes(values.about)) ?? ''
  const small = await shrink(own, about, (left) => console.log(`  fails with ${left} moves`))
  for (const { kind, afterMs } of small.moves) console.log(`  +${afterMs} ms  ${kind}`)
  console.log(`again: ${commandOf({ ...own, only: small.only })}`)
}

function commandOf({ round, only }: RunOptions): string {
  const flags = [
    `--seed ${seed} --round ${round}`,
    mode === 'sockets' ? '--sockets' : '',
    `--moves ${count} --span ${spanMs}`,
    families === undefined ? '' : `--families ${families.join()}`,
    only === undefined ? '' : `--only ${[...only].join()}`,
  ]
  return `npm run attack -- ${flags.filter(Boolean).join(' ')}`
}
