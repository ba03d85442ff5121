/** A primary with two workers, each with a share of the clients. The first one broadcasts when the bench says so. */
import nodeCluster, { type Worker } from 'node:cluster'
import { cluster, startWorkers } from 'fastify-beryl/cluster'
import type { Command, Message, Order, Usage } from './commands.ts'
import { host, usage } from './host.ts'
import { BACKLOG } from './listen.ts'
import { TOPIC, takeOrders } from './orders.ts'
import { makeNode } from './serve-node.ts'

const WORKERS = 2

if (nodeCluster.isPrimary) await lead()
else await serve()

async function lead(): Promise<void> {
  process.on('message', (given: Command | Order) => {
    if (typeof given === 'object') workers()[0]?.send(given)
  })
  await host(async () => {
    let port = 0
    nodeCluster.on('listening', (_, address) => {
      port = address.port
    })
    await startWorkers({ count: WORKERS })
    return port
  }, spentByAll)
}

/** They listen on one port, which the system chooses for all. */
async function serve(): Promise<void> {
  const app = await makeNode(cluster())
  takeOrders((payload) => app.channels.broadcast(TOPIC, 'said', payload))
  process.on('message', (given: unknown) => {
    if (given === ('usage' satisfies Command))
      process.send?.({ kind: 'usage', usage: usage() } satisfies Message)
  })
  await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
}

function workers(): Worker[] {
  return Object.values(nodeCluster.workers ?? {}).filter((worker) => worker !== undefined)
}

/** CPU time of the primary and its workers. */
async function spentByAll(): Promise<Usage> {
  const all = [usage(), ...(await Promise.all(workers().map(spentBy)))]
  const sum = (of: (usage: Usage) => number): number => all.reduce((total, each) => total + of(each), 0)
  return { userUs: sum(({ userUs }) => userUs), systemUs: sum(({ systemUs }) => systemUs) }
}

function spentBy(worker: Worker): Promise<Usage> {
  return new Promise((resolve) => {
    const heard = (message: Message): void => {
      if (message.kind !== 'usage') return
      worker.off('message', heard)
      resolve(message.usage)
    }
    worker.on('message', heard)
    worker.send('usage' satisfies Command)
  })
}
