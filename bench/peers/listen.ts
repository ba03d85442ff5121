import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The longest queue of connections that the kernel may hold for a server: the bench opens many at once. */
export const BACKLOG = 4096

/** Listens on a port of 127.0.0.1 that the system chooses, and resolves to it. */
export function listenOn(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
      resolve((server.address() as AddressInfo).port)
    })
  })
}
