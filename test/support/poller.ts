import type { FastifyInstance, LightMyRequestResponse } from 'fastify'

/** The answer to a poll. */
export interface Polled {
  readonly status: number
  readonly messages: readonly unknown[]
  readonly token: string | undefined
}

export interface PollerOptions {
  /** The path of the entrance. @default '/socket' */
  readonly path?: string
  /** Parameters of the client's own. @default 'vsn=2.0.0' */
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A client that polls by `inject`, as phoenix.js does: with the token of the last answer. Each request may go to another node. */
export class Poller {
  token: string | undefined
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  #app: FastifyInstance

  constructor(
    app: FastifyInstance,
    { path = '/socket', query = 'vsn=2.0.0', headers = {} }: PollerOptions = {},
  ) {
    this.#app = app
    this.#url = `${path}/longpoll?${query}`
    this.#headers = headers
  }

  /** From now on requests come to this node. */
  at(app: FastifyInstance): this {
    this.#app = app
    return this
  }

  /** Polls once; the answer has its messages as the client parses them, or as the text that is no JSON. */
  async poll(): Promise<Polled> {
    const {
      status,
      messages = [],
      token,
    } = (await this.get()).json<{
      status: number
      messages?: string[]
      token?: string
    }>()
    this.token = token
    return { status, messages: messages.map(parsed), token }
  }

  get(headers: Readonly<Record<string, string>> = {}): Promise<LightMyRequestResponse> {
    return this.#app.inject({ method: 'GET', url: this.url, headers: { ...this.#headers, ...headers } })
  }

  /** Sends frames, one a line. */
  async send(...frames: readonly (readonly unknown[])[]): Promise<number> {
    const body = frames.map((frame) => JSON.stringify(frame)).join('\n')
    return (await this.post(body)).json<{ status: number }>().status
  }

  post(
    body: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<LightMyRequestResponse> {
    const type = { 'content-type': 'application/x-ndjson' }
    return this.#app.inject({
      method: 'POST',
      url: this.url,
      headers: { ...type, ...this.#headers, ...headers },
      payload: body,
    })
  }

  get url(): string {
    return this.token === undefined ? this.#url : `${this.#url}&token=${this.token}`
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
