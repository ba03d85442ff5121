import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

interface Node {
  readonly address: string
  readonly pid: number
}

/** `npm run example:cluster`, and what it printed. */
export interface ClusterScript {
  readonly title: string
  readonly nodes: readonly [Node, Node]
  /** Resolves with the code and the signal when it and its nodes have ended. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<unknown>
}

/** @param env what it has beside the environment of the test; by default it takes ports of the system */
export async function startCluster(env: NodeJS.ProcessEnv = {}): Promise<ClusterScript> {
  const script = spawn(process.execPath, ['--import', 'tsx', 'example-app/cluster.ts'], {
    cwd: root,
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(script.stdout)[Symbol.asyncIterator]()
  const next = async (): Promise<string> => (await lines.next()).value ?? 'it ended'
  try {
    const title = await next()
    return {
      title,
      nodes: [nodeOf(await next()), nodeOf(await next())],
      end: (signal) => end(script, signal),
    }
  } catch (error) {
    script.kill('SIGKILL')
    throw error
  }
}

function nodeOf(line: string): Node {
  const [, address, pid] = /(http:\S+) .* kill -9 (\d+)$/.exec(line) ?? assert.fail(line)
  return { address: String(address), pid: Number(pid) }
}

function end(script: ChildProcess, signal: NodeJS.Signals): Promise<unknown> {
  // Its nodes have its output: `close` comes when all have ended.
  const closed = once(script, 'close')
  script.kill(signal)
  script.stdout?.resume()
  return closed
}
