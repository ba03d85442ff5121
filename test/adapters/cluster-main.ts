// A primary with workers, or something in its place, as a process of its own that a test may kill. It writes a line for each
// step; SIGHUP rolls the workers, SIGUSR2 asks for that twice, SIGTERM stops them.
import nodeCluster from 'node:cluster'
import Fastify from 'fastify'
import beryl, { defineChannel } from 'fastify-beryl'
import { cluster, startWorkers } from 'fastify-beryl/cluster'
import { Type } from 'typebox'
import { logged } from '../faults/history/logged.ts'

const { PORT = '0', COUNT = '2', MODE = 'serve' } = process.env

const tell = (line: string): void => void process.stdout.write(`${line}\n`)

const ledger = defineChannel('room:*', {
  schema: {
    join: { payload: Type.Object({}), reply: Type.Object({ pid: Type.Integer() }) },
    in: {
      say: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({}) },
      flood: Type.Object({ bytes: Type.Integer(), times: Type.Integer() }),
      dropped: { reply: Type.Object({ dropped: Type.Integer() }) },
    },
    out: { said: Type.Object({ n: Type.Integer() }), filling: Type.Any() },
  },
  join: () => ({ assigns: {}, reply: { pid: process.pid } }),
  in: {
    say: (payload, socket) => {
      socket.broadcast('said', payload)
      return {}
    },
    flood: async ({ bytes, times }, { server }) => {
      for (let n = 0; n < times; n++) {
        server.channels.broadcast('room:filling', 'filling', Buffer.alloc(bytes))
        await new Promise(setImmediate)
      }
    },
    dropped: (_, { server }) => ({ dropped: server.channels.status().pubsub?.dropped ?? -1 }),
  },
})

async function serve(): Promise<void> {
  const app = Fastify()
  await app.register(beryl, {
    channels: [ledger, logged],
    pubsub: cluster({ connectTimeoutMs: 2_000 }),
    drain: { pauseMs: 1 },
  })
  process.on('SIGTERM', () => void app.close())
  app.channels.subscribe('room:filling', () => {})
  await app.listen({ port: Number(PORT), host: '127.0.0.1' })
  if (MODE === 'crash') process.exit(3)
}

async function lead(): Promise<void> {
  const workers = await startWorkers({ count: Number(COUNT), intensity: 5 })
  tell(`pid ${process.pid}`)
  process.on('SIGTERM', () => void workers.stop())
  process.on('SIGHUP', () => void workers.restart().then(() => tell('rolled')))
  process.on('SIGUSR2', () => {
    const both = Promise.all([workers.restart(), workers.restart()])
    void both.then(() => tell(`rolled twice, ${Object.keys(nodeCluster.workers ?? {}).length} workers`))
  })
  const reason = await workers.exited
  tell(`ended ${JSON.stringify(reason)}`)
}

/** As where Node was taken away under a primary that runs: a worker cannot be made. */
async function leadNobody(): Promise<void> {
  process.execPath = '/nowhere/node'
  await startWorkers({ count: 1 }).catch((error: Error) => tell(`refused ${error.message}`))
}

if (nodeCluster.isWorker) await serve().catch((error: Error) => tell(`failed ${error.message}`))
else if (MODE === 'manager') nodeCluster.fork()
else if (MODE === 'nobody') await leadNobody()
else await lead()
