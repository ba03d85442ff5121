import { basics } from './facts/basics.ts'
import { cuts } from './facts/cuts.ts'
import { presence } from './facts/presence.ts'
import { refusals } from './facts/refusals.ts'
import { sharing } from './facts/sharing.ts'
import { tokens } from './facts/tokens.ts'
import { type Place, Stage } from './stage.ts'

/** Everything that holds for the typed client, wherever it runs. */
export const facts = { ...basics, ...refusals, ...cuts, ...tokens, ...presence, ...sharing }

/** Proves one. Gives the reason where it does not hold. */
export async function prove(name: string, place: Place): Promise<string | undefined> {
  const stage = new Stage(place)
  try {
    await facts[name]?.(stage)
    return undefined
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack}` : String(error)
  } finally {
    await stage.close()
  }
}
