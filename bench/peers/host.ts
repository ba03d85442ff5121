import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { getHeapSpaceStatistics, writeHeapSnapshot } from 'node:v8'
import type { Command, Memory, Message, Usage } from './commands.ts'

/**
 * The shell around each server: tells the port that `listen` resolves to, then answers the bench's commands.
 * CPU time is that of this process where `spent` tells no other. Ends with its parent, so that an interrupted bench leaves no server behind.
 */
export async function host(
  listen: () => Promise<number>,
  spent: () => Usage | Promise<Usage> = usage,
): Promise<void> {
  process.on('disconnect', () => process.exit(0))
  process.on('message', (command: Command) => void obey(command, spent))
  say({ kind: 'listening', port: await listen() })
}

async function obey(command: Command, spent: () => Usage | Promise<Usage>): Promise<void> {
  switch (command) {
    case 'usage':
      return say({ kind: 'usage', usage: await spent() })
    case 'memory':
      return say({ kind: 'memory', memory: await memory() })
    case 'heap':
      return say({ kind: 'heap', file: await heap() })
    case 'stop':
      process.exit(0) // writes the CPU profile where one was asked for
      break
    default:
      command satisfies never
  }
}

export function usage(): Usage {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return { userUs: userCPUTime, systemUs: systemCPUTime }
}

async function memory(): Promise<Memory> {
  await collect()
  const { rss, heapUsed, external } = process.memoryUsage()
  const peakBytes = process.resourceUsage().maxRSS * 1_024
  return {
    residentBytes: rss,
    peakBytes,
    youngBytes: youngBytes(),
    heapBytes: heapUsed,
    externalBytes: external,
  }
}

function youngBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name }) => space_name.startsWith('new_'))
    .reduce((bytes, { physical_space_size }) => bytes + physical_space_size, 0)
}

async function heap(): Promise<string> {
  await collect()
  return writeHeapSnapshot(join(tmpdir(), `beryl-bench-${process.pid}-${Date.now()}.heapsnapshot`))
}

/** Several passes with pauses: V8 hands pages back, and finalizers free native memory, between collections. */
async function collect(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('start servers with --expose-gc')
  for (let pass = 0; pass < 4; pass += 1) {
    globalThis.gc()
    await delay(50)
  }
}

function say(message: Message): void {
  process.send?.(message)
}
