import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { FastifyInstance } from 'fastify'
import * as beryl from './beryl/client.ts'
import * as berylServer from './beryl/server.ts'
import type { Chat, Page } from './chat.ts'
import * as socketIo from './socket-io/client.ts'
import * as socketIoServer from './socket-io/server.ts'
import * as trpc from './trpc/client.ts'
import * as trpcServer from './trpc/server.ts'

/** The same chat, written with one library. */
export interface Side {
  readonly name: string
  readonly folder: string
  readonly files: readonly string[]
  serve(app: FastifyInstance): Promise<void>
  open(url: string, room: string, name: string, page: Page): Chat
}

const CONTRACT = ['contract.ts', 'server.ts', 'client.ts']
const RECOVERY = { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } }

export const SIDES: readonly Side[] = [
  { name: 'fastify-beryl, with `history`', folder: 'beryl', files: CONTRACT, ...berylServer, ...beryl },
  { name: 'Socket.IO', folder: 'socket-io', files: CONTRACT, ...socketIoServer, ...socketIo },
  {
    name: 'Socket.IO, with `connectionStateRecovery`',
    folder: 'socket-io',
    files: CONTRACT,
    ...socketIo,
    serve: (app) => socketIoServer.serve(app, RECOVERY),
  },
  {
    name: 'tRPC subscriptions, with `tracked`',
    folder: 'trpc',
    files: ['server.ts', 'client.ts'],
    ...trpcServer,
    ...trpc,
  },
]

/** Lines of code, without empty ones and comments. */
export function linesOf({ folder, files }: Side): number {
  const texts = files.map((file) => readFileSync(new URL(`${folder}/${file}`, import.meta.url), 'utf8'))
  const lines = texts.flatMap((text) => text.split('\n'))
  return lines.filter((line) => !/^\s*(?:\/\/|\/?\*.*)?$/.test(line)).length
}

/** Bytes of the client and all that it brings, as a browser gets them: minified, and compressed. */
export async function bytesOf({ folder }: Side): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`${folder}/client.ts`, import.meta.url))],
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'error',
  })
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).byteLength
}
