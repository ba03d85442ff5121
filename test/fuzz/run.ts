import { addTally, type Campaign, type Tally } from './campaign.ts'
import { Dice, roundSeed } from './dice.ts'
import { House } from './house.ts'

/** The outcome of one campaign. */
export interface CampaignReport {
  readonly name: string
  readonly seed: number
  readonly rounds: number
  readonly messages: number
  /** Numbered messages that the control clients exchanged meanwhile: none was lost. */
  readonly ticks: number
  readonly seconds: number
  readonly heard: Tally
}

/** Errors that nobody caught, from the first to the last moment of a run. */
const uncaught: unknown[] = []

/** From now on an uncaught error fails the round in which it happens, not the process without a word. */
export function watchForUncaught(): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => uncaught.push(error))
  // Whatever waits for what an error prevented waits until nothing is left to do: then the error is told after all.
  process.on('exit', () => uncaught.length > 0 && console.error('uncaught:', ...uncaught))
}

/**
 * Plays rounds until about so many messages were sent.
 *
 * @throws naming the seed that repeats the failing round alone.
 */
export async function play(campaign: Campaign, seed: number, messages: number): Promise<CampaignReport> {
  const house = await House.open()
  const heard = new Map<string, number>()
  const rounds = Math.max(1, Math.ceil(messages / campaign.perRound))
  const startedAt = performance.now()
  for (let round = 0; round < rounds; round++) {
    const own = roundSeed(seed, round)
    try {
      addTally(heard, await campaign.round(new Dice(own), house))
      if (uncaught.length > 0) throw uncaught[0]
    } catch (seen) {
      // The uncaught error came first: the vain wait is its consequence.
      const cause = uncaught[0] ?? seen
      const again = `npm run fuzz -- --only "${campaign.name}" --seed ${own} --rounds 1`
      throw new Error(`${campaign.name}, round ${round} of seed ${seed}. Again: ${again}`, { cause })
    }
  }
  await house.close()
  const sent = heard.get('messages') ?? 0
  heard.delete('messages')
  const seconds = (performance.now() - startedAt) / 1_000
  return { name: campaign.name, seed, rounds, messages: sent, ticks: house.ticks, seconds, heard }
}
