// Plays the behaviours in the places whose index is `first`, `first + step`, …; writes one line of JSON for each.
import { type Behaviour, behaviours } from './behaviours.ts'
import { type Place, places } from './places.ts'
import { giveUp, play } from './story.ts'
import { supervise, supervisedPlaces } from './supervised.ts'
import { type Variant, variants } from './world.ts'

/** Each behaviour meets one way of joining, in each place another in turn; with `all`, every one. */
const [first, step, onlyPlace = '', onlyBehaviour = '', all = ''] = process.argv.slice(2)
const faults: string[] = []
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) => faults.push(`${event}: ${shown(error)}`))
// Every listener that fails is told of there.
process.removeAllListeners('warning')
process.on('warning', () => {})

const tasks = [
  ...places.map((place) => ({ place, isSupervised: false })),
  ...supervisedPlaces.map((place) => ({ place, isSupervised: true })),
].filter(({ place }, index) => index % Number(step) === Number(first) && place.name.includes(onlyPlace))

for (const [at, { place, isSupervised }] of tasks.entries()) {
  for (const [index, behaviour] of behaviours.entries()) {
    if (!behaviour.name.includes(onlyBehaviour) || (place.losesPromises && behaviour.gives === 'promise'))
      continue
    if (behaviour.needs !== undefined && place.notFor?.includes(behaviour.needs)) continue
    const possible = isSupervised
      ? variants.slice(0, 1)
      : variants.filter((way) => !isLost(place, behaviour, way))
    const ways = possible.filter((_, way) => all !== '' || way === (at + index) % possible.length)
    for (const variant of ways)
      await report(place, behaviour.name, variant, () =>
        isSupervised ? supervise(place.name, behaviour) : lifeOf(place)(place, behaviour, variant),
      )
  }
}
process.exit()

/** The engine takes apart what an async function returns, and drops the promise of its `then`. */
function isLost({ name }: Place, { gives }: Behaviour, variant: Variant): boolean {
  return name === 'join' && variant === 'async join' && gives === 'promise'
}

function lifeOf({ isOfTheTree }: Place): typeof play {
  return isOfTheTree ? giveUp : play
}

async function report(
  { name }: Place,
  behaviour: string,
  variant: Variant,
  run: () => Promise<number>,
): Promise<void> {
  faults.length = 0
  let played = 0
  try {
    played = await run()
    await new Promise((resolve) => setImmediate(resolve))
  } catch (error) {
    faults.push(shown(error))
  }
  await new Promise((resolve) =>
    process.stdout.write(`${JSON.stringify({ place: name, behaviour, variant, played, faults })}\n`, resolve),
  )
}

function shown(error: unknown): string {
  try {
    return error instanceof Error ? `${error.stack}` : String(error)
  } catch {
    return 'a value that cannot be shown'
  }
}
