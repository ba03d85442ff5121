// npm run fuzz -- [--long] [--seed N] [--only NAME] [--rounds N]: short by default, 1,000,000 messages with --long.
import { parseArgs } from 'node:util'
import { campaigns, plan } from './campaigns.ts'
import { type CampaignReport, play, watchForUncaught } from './run.ts'

const { values } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    seed: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string' },
  },
})

watchForUncaught()
const seed = values.seed === undefined ? (Date.now() & 0xffffff) >>> 0 : Number(values.seed)
const total = values.long ? 1_000_000 : 20_000
console.log(`seed ${seed}, ${total.toLocaleString('en')} messages`)
// A promise that nobody keeps would end the process without a word.
let isOver = false
process.on('exit', () => isOver || console.error('not played to the end'))
try {
  for (const [campaign, messages] of plan(total)) {
    if (values.only !== undefined && values.only !== campaign.name) continue
    const wanted = values.rounds === undefined ? messages : Number(values.rounds) * campaign.perRound
    print(await play(campaign, seed, wanted))
  }
  isOver = true
} catch (error) {
  isOver = true
  console.error(error)
  process.exit(1)
}
if (values.only !== undefined && !campaigns.some(({ name }) => name === values.only)) {
  console.error(`--only takes one of: ${campaigns.map(({ name }) => name).join(', ')}`)
  process.exitCode = 1
}

function print({ name, rounds, messages, ticks, seconds, heard }: CampaignReport): void {
  const answers = [...heard].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${kind} ${count}`)
  console.log(
    `${name}: ${messages} in ${rounds} rounds, ${seconds.toFixed(1)} s; control: ${ticks} of ${ticks}`,
  )
  console.log(`  ${answers.join(', ')}`)
}
