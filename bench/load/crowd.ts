import { Connection, type Listener, type Target } from './connection.ts'

/** Handshakes that may be under way at once, where the load does not say. */
const WINDOW = 64

/** Opens `size` connections; `topicsOf(index)` says what each joins. `onJoined` hears how long each took. */
export async function openCrowd(
  target: Target,
  size: number,
  options: {
    readonly topicsOf: (index: number) => readonly string[]
    readonly onJoined?: (elapsedMs: number) => void
    /** Handshakes that may be under way at once. @default 64 */
    readonly window?: number
  },
): Promise<Connection[]> {
  const crowd: Connection[] = []
  let next = 0
  const openInTurn = async (): Promise<void> => {
    while (next < size) {
      const index = next++
      const began = performance.now()
      crowd[index] = await Connection.open(target, index, options.topicsOf(index))
      options.onJoined?.(performance.now() - began)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(options.window ?? WINDOW, size) }, openInTurn))
  } catch (error) {
    closeCrowd(crowd.filter((connection) => connection !== undefined))
    throw error
  }
  return crowd
}

export function closeCrowd(crowd: readonly Connection[]): void {
  for (const connection of crowd) connection.reset()
}

export function listenAll(crowd: readonly Connection[], listener: Listener): void {
  for (const connection of crowd) connection.listen(listener)
}
