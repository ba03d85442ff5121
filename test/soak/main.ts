// npm run soak -- [--small] [--cluster | --history] [name…]: every fault on the scale that is promised, and what a million leave
// behind; with --cluster those of three nodes and a Redis, with --history those that clients with a position live through. Prints the tables of bench/faults.md. Some minutes; each scenario ends by itself.
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { clusterFaults } from '../faults/cluster/scenarios.ts'
import { historyFaults } from '../faults/history/scenarios.ts'
import type { Finding } from '../faults/scenario.ts'
import { faults } from '../faults/scenarios.ts'
import { connects, joinsAndLeaves } from './churn.ts'

const { values, positionals } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    history: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

const ofOneNode = [...faults, joinsAndLeaves, connects]
const scenarios = values.history ? historyFaults : values.cluster ? clusterFaults : ofOneNode
const wanted = scenarios.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
)
if (wanted.length === 0) {
  console.error(`nothing is named so; there are: ${scenarios.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

const date = new Date().toISOString().slice(0, 10)
console.log(
  `${date}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${gibibytes(totalmem())} GiB\n`,
)
for (const { name, play } of wanted) {
  const findings = await play(values.small ? 'small' : 'full')
  console.log(`${table(name, findings)}\n`)
  if (!findings.every(({ holds }) => holds)) process.exitCode = 1
}

function table(name: string, findings: readonly Finding[]): string {
  const rows = findings.map((row) => `| ${row.what} | ${row.wanted} | ${row.measured} | ${verdict(row)} |`)
  return [`### ${name}`, '', '| what | wanted | measured | |', '|---|---|---|---|', ...rows].join('\n')
}

function verdict({ wanted, holds }: Finding): string {
  if (!holds) return '**fails**'
  return wanted === '–' ? '' : 'holds'
}

function gibibytes(bytes: number): string {
  return (bytes / 1_073_741_824).toFixed(0)
}
