import { heapGrowth, isNoChance, type Total } from './campaign.ts'
import { moveKinds } from './moves.ts'

/** The worth of a run: how much was played, and what came of it. */
export function summary(total: Total): string {
  const { rounds, failed, said, delivered, nodeMs, seconds, counts, heap, unplayed } = total
  const hours = nodeMs / 3_600_000
  const lines = [
    `${rounds} rounds, ${failed} failed; ${operations(total)} operations in ${seconds.toFixed(0)} s`,
    `${hours.toFixed(1)} hours of three nodes, ${((hours * 60) / seconds).toFixed(2)} hours a minute`,
    `control clients: ${said} said, heard ${delivered} times; messages: ${counts.get('messages of clients') ?? 0} in, ${counts.get('messages of servers') ?? 0} out`,
  ]
  if (heap.length > 1)
    lines.push(`heap: ${heap.map((bytes) => (bytes / 1_048_576).toFixed(1)).join(', ')} MiB`)
  const growth = heapGrowth(heap)
  if (growth !== undefined)
    lines.push(`the heap is not level: it grew by ${(growth / 1_048_576).toFixed(1)} MiB`)
  for (const family of ['clients', 'handlers', 'crashes', 'adapters', 'network'] as const)
    lines.push(`${family}: ${played(total, family)}`)
  lines.push(`acts: ${part(counts, 'act: ')}`)
  lines.push(`outcomes: ${outcomes(counts)}`)
  if (unplayed.length > 0) lines.push(`never played: ${unplayed.map(({ name }) => name).join(', ')}`)
  for (const { name, expected } of unplayed.filter(isNoChance))
    lines.push(`${name} was to be played ${expected.toFixed(0)} times, and never was`)
  return lines.join('\n')
}

/** Messages of clients, and moves. */
export function operations({ counts }: Total): number {
  const moves = [...counts]
    .filter(([what]) => what.startsWith('move: '))
    .reduce((sum, [, count]) => sum + count, 0)
  return moves + (counts.get('messages of clients') ?? 0)
}

function played({ counts }: Total, family: string): string {
  return moveKinds
    .filter((kind) => kind.family === family)
    .map(({ name }) => `${name} ${counts.get(`move: ${name}`) ?? 0}`)
    .join(', ')
}

function part(counts: ReadonlyMap<string, number>, prefix: string): string {
  return list(
    [...counts]
      .filter(([what]) => what.startsWith(prefix))
      .map(([what, n]) => [what.slice(prefix.length), n]),
  )
}

function outcomes(counts: ReadonlyMap<string, number>): string {
  return list([...counts].filter(([what]) => !/^(move|act): |^messages of/.test(what)))
}

function list(entries: readonly (readonly [string, number])[]): string {
  return [...entries]
    .sort(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ')
}
