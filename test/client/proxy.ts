import {
  request as ask,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that connections are cut of. */
interface Target {
  readonly origin: string
  onCut(listener: () => void): void
}

/**
 * A proxy before a server whose clients poll. What breaks behind it is a 502 before it, and so is each request for a session of before a cut:
 * a client may have asked nothing in that moment, and a browser asks again where a connection was reset.
 */
export class TryProxy {
  readonly #server: Server
  readonly #origin: string
  /** Those that were given since the last cut. */
  readonly #tokens = new Set<string>()
  readonly #asked = new Set<ClientRequest>()

  constructor(target: Target) {
    this.#origin = target.origin
    this.#server = createServer((request, response) => this.#pass(request, response))
    target.onCut(() => {
      this.#tokens.clear()
      for (const asked of this.#asked) asked.destroy()
    })
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `${this.origin.replace('http', 'ws')}/socket`
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/' } = request
    const headers = { ...request.headers, connection: 'close' }
    const fail = (): void => {
      if (!response.headersSent) response.writeHead(502).end()
    }
    // That of phoenix.js is the last one: the application may have params of that name.
    const [, token] = /&token=([^&]+)$/.exec(url) ?? []
    if (token && !this.#tokens.has(decodeURIComponent(token))) return fail()
    // A connection for each request: none is idle when the server goes.
    const asked = ask(`${this.#origin}${url}`, { method, headers, agent: false }, async (answer) => {
      try {
        const body = Buffer.concat(await answer.toArray())
        const [, given] = /"token":"([^"]+)"/.exec(body.toString()) ?? []
        if (given && url.includes('/longpoll')) this.#tokens.add(given)
        response.writeHead(answer.statusCode ?? 502, answer.headers).end(body)
      } catch {
        fail()
      }
    })
    asked.on('error', fail)
    this.#asked.add(asked)
    asked.on('close', () => this.#asked.delete(asked))
    response.on('close', () => asked.destroy())
    request.pipe(asked)
  }
}
