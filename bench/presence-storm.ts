import type { Ground } from './compare.ts'
import { rotated } from './measure/bench-workload.ts'
import { ServerProcess, totalUs } from './measure/server.ts'
import { spread } from './measure/statistics.ts'
import type { Options } from './options.ts'
import { LOUNGES, type Peer, targetAt } from './peers/catalog.ts'
import { profileFolder, writeResult } from './report/files.ts'
import { describeMachine } from './report/machine.ts'
import { markdown, number, range } from './report/table.ts'
import { PresenceStorm, type StormOutcome } from './workloads/presence-storm.ts'

const WITHIN_MS = 5_000

/** One storm at one server. */
interface StormSample extends StormOutcome {
  /** CPU time of the server's process for each who came back, microseconds: going, coming and being told. */
  readonly cpuUs: number
  /** The most that the server's process has held, and what it holds when all is over. */
  readonly peakBytes: number
  readonly residentBytes: number
}

type Samples = Readonly<Record<string, readonly StormSample[]>>

/** Members of one topic come back at once: with presence, without it, and with a diff for each turn. */
export async function presence(options: Options, ground: Ground): Promise<void> {
  const members = Math.min(options.scale.joins, ground.maxConnections)
  const lounges = Object.values(LOUNGES)
  const samples: Record<string, StormSample[]> = Object.fromEntries(lounges.map(({ name }) => [name, []]))
  for (let round = 0; round < options.pace.rounds; round += 1) {
    for (const peer of rotated(lounges, round)) {
      const sample = await benchStorm(peer, members, options, ground)
      samples[peer.name]?.push(sample)
      console.error(`${peer.name}: ${number(sample.cpuUs)} µs, ${number(sample.frames)} frames a client`)
    }
  }
  console.log(
    `\n${members.toLocaleString('en')} members of one topic are back within 5 s\n\n${stormTable(samples)}`,
  )
  if (Object.values(samples).flat().some(isVoid)) process.exitCode = 1
  const report = { machine: describeMachine(ground), members, withinMs: WITHIN_MS, samples }
  console.log(`\nwritten: ${writeResult(`${options.out}.json`, JSON.stringify(report, null, 1))}`)
}

/** A fresh server for each: the peak of its memory is that of one storm. */
async function benchStorm(
  peer: Peer,
  members: number,
  { profile }: Options,
  { cores, node }: Ground,
): Promise<StormSample> {
  const server = await ServerProcess.start({
    peer,
    cores,
    node,
    profileTo: profile ? profileFolder() : undefined,
  })
  const bout = new PresenceStorm(targetAt(server.port, peer), { members, withinMs: WITHIN_MS })
  try {
    await bout.open()
    await server.quiet()
    const before = await server.usage()
    const outcome = await bout.run()
    const spentUs = totalUs(await server.usage()) - totalUs(before)
    const { peakBytes, residentBytes } = await server.memory()
    return { ...outcome, cpuUs: spentUs / outcome.joins, peakBytes, residentBytes }
  } finally {
    bout.close()
    await server.stop()
  }
}

function isVoid({ wrongLists, lost }: StormSample): boolean {
  return wrongLists > 0 || lost > 0
}

function stormTable(samples: Samples): string {
  const base = samples[LOUNGES.without.name] ?? []
  const head = [
    'a client that comes back',
    'server CPU µs',
    '÷ no presence',
    'frames of presence',
    'in a second: median',
    'most',
    'KiB of presence',
    'its list after, ms: median',
    'most',
    'server, MiB: peak',
    'after',
    'lists',
  ]
  const rows = Object.entries(samples).map(([peer, rounds]) => {
    const middle = (of: (sample: StormSample) => number): string => number(spread(rounds.map(of)).median)
    const cpu = spread(rounds.map(({ cpuUs }) => cpuUs))
    const ratio = spread(rounds.map(({ cpuUs }, round) => cpuUs / (base[round]?.cpuUs ?? Number.NaN)))
    return [
      peer,
      `${number(cpu.median)} (${range(cpu)})`,
      `${number(ratio.median)} (${range(ratio)})`,
      middle(({ frames }) => frames),
      middle(({ framesASecond }) => framesASecond.median),
      String(Math.max(...rounds.map(({ framesASecond }) => framesASecond.most))),
      middle(({ bytes }) => bytes / 1_024),
      middle(({ stateMs }) => stateMs.median),
      middle(({ stateMs }) => stateMs.most),
      middle(({ peakBytes }) => peakBytes / 2 ** 20),
      middle(({ residentBytes }) => residentBytes / 2 ** 20),
      rounds.some(isVoid) ? 'VOID' : 'equal',
    ]
  })
  return markdown(head, rows)
}
