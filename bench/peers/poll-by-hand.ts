/**
 * The least that long polling can cost: answers as this package's, by hand, on `node:http` alone, or as two routes of Fastify beside
 * @fastify/websocket, which has hooks on every route (`fastify`). Nothing is checked, limited, signed or kept until it is confirmed, no poll ends
 * without a message, and no client is ever gone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import { Member, PhoenixWire } from './phoenix-wire.ts'
import { hostPolls } from './poll-host.ts'

const SAID = { body: 'x'.repeat(100) }
const HEADERS = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }

class Poller extends Member {
  readonly token: string
  #messages: string[] = []
  #answer: ((body: string) => void) | undefined

  constructor(token: string) {
    super()
    this.token = token
  }

  send(text: string): void {
    this.sendJson(JSON.stringify(text))
  }

  sendJson(json: string): void {
    this.#messages.push(json)
    this.#look()
  }

  poll(answer: (body: string) => void): void {
    this.#answer = answer
    this.#look()
  }

  #look(): void {
    if (this.#messages.length === 0 || this.#answer === undefined) return
    const answer = this.#answer
    this.#answer = undefined
    const messages = this.#messages.join()
    this.#messages = []
    answer(`{"messages":[${messages}],"status":200,"token":"${this.token}"}`)
  }
}

const pollers = new Map<string, Poller>()

const wire = new PhoenixWire<Poller>((members, text) => {
  const json = JSON.stringify(text)
  for (const member of members) member.sendJson(json)
})

function get(url: string, answer: (body: string) => void): void {
  const poller = pollers.get(tokenOf(url))
  if (poller !== undefined) return poller.poll(answer)
  const token = String(pollers.size)
  pollers.set(token, new Poller(token))
  answer(`{"messages":[],"status":410,"token":"${token}"}`)
}

function post(url: string, body: string): string {
  const poller = pollers.get(tokenOf(url))
  if (poller !== undefined) wire.receive(poller, body)
  return '{"status":200}'
}

function tokenOf(url: string): string {
  return url.slice(url.lastIndexOf('token=') + 6)
}

async function serveNode(): Promise<number> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { url = '' } = request
    const answer = (body: string): void => {
      response.writeHead(200, { ...HEADERS, 'content-length': Buffer.byteLength(body) })
      response.end(body)
    }
    if (request.method === 'GET') return get(url, answer)
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => answer(post(url, body)))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return (server.address() as AddressInfo).port
}

async function serveFastify(): Promise<number> {
  const app = Fastify()
  await app.register(websocket)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.get('/socket/longpoll', (request, reply) => {
    get(request.url, (body) => void reply.headers(HEADERS).send(body))
  })
  app.post('/socket/longpoll', (request, reply) => {
    void reply.headers(HEADERS).send(post(request.url, request.body as string))
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

hostPolls(await (process.argv[2] === 'fastify' ? serveFastify() : serveNode()), () => {
  const [anybody] = pollers.values()
  if (anybody !== undefined) wire.receive(anybody, JSON.stringify([null, null, 'room:all', 'say', SAID]))
})
