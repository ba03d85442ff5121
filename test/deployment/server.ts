import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { root } from '../docs/samples.ts'
import { commandOfContainer, serverFolder } from './page.ts'
import { Program } from './program.ts'

/** Where a server listens, and its process. */
export interface Server {
  readonly program: Program
  /** 0 over a unix socket. */
  readonly port: number
}

/** Starts a file of the page as its container would. */
export function launch(t: TestContext, env: NodeJS.ProcessEnv, file?: string): Program {
  const [program = '', main = ''] = commandOfContainer()
  const loader = pathToFileURL(join(root, 'node_modules/tsx/dist/loader.mjs')).href
  return new Program(t, [program, join(serverFolder(), file ?? main)], {
    cwd: root,
    env: { ...env, NODE_OPTIONS: `--import ${loader}` },
  })
}

/** As {@link launch}, on a port of the system's. Resolves when it listens. */
export async function startServer(
  t: TestContext,
  env: NodeJS.ProcessEnv = {},
  file?: string,
): Promise<Server> {
  const program = launch(t, { PORT: '0', ...env }, file)
  const [, port] = await program.line(/Server listening at (?:https?:\/\/[^:]+:(\d+)|\/)/)
  return { program, port: Number(port ?? 0) }
}

/** A port that was free a moment ago: for programs that cannot be told to take any and say which. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
