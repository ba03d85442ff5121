import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { certificate } from './certificate.ts'

/** The longest queue of connections that the kernel may hold for a server: the bench opens many at once. */
export const BACKLOG = 4096

/** The variable with which the bench tells its servers to speak TLS. */
export const TLS_VARIABLE = 'BENCH_TLS'

/** Certificate and key where the servers of this run speak TLS: Fastify's option `https`. */
export const https = process.env[TLS_VARIABLE] === undefined ? null : certificate

/** A server of node:http, or of node:https. */
export function makeServer(): Server {
  return https === null ? createServer() : createSecureServer(https)
}

/** Listens on a port of 127.0.0.1 that the system chooses, and resolves to it. */
export function listenOn(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
      resolve((server.address() as AddressInfo).port)
    })
  })
}
