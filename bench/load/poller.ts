import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'

// Clients of one protocol over two transports, for the bench of long polling: they say one thing at a time.

const SAID = { body: 'x'.repeat(100) }

/** A client of either kind. */
export interface Client {
  join(topic: string): Promise<void>
  /** Pushes, and waits for the reply. */
  echo(topic: string): Promise<void>
  /** Resolves when so many broadcasts have come since it was joined. */
  heard(count: number): Promise<void>
  close(): void
}

/** The frames that came, for whoever waits for them. */
class Frames {
  #broadcasts = 0
  #replies = 0
  #look: () => void = () => {}

  take(text: string): void {
    if (text.includes('"phx_reply"')) this.#replies++
    else this.#broadcasts++
    this.#look()
  }

  replied(): Promise<void> {
    return this.#until(() => this.#replies > 0 && this.#replies-- > 0)
  }

  heard(count: number): Promise<void> {
    return this.#until(() => this.#broadcasts >= count)
  }

  #until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (!isTrue()) return
        this.#look = () => {}
        resolve()
      }
      this.#look()
    })
  }
}

export async function webSocket(port: number): Promise<Client> {
  const frames = new Frames()
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  socket.on('message', (data) => frames.take(data.toString()))
  await once(socket, 'open')
  const say = (topic: string, event: string, payload: object): Promise<void> => {
    socket.send(JSON.stringify(['1', '1', topic, event, payload]))
    return frames.replied()
  }
  return {
    join: (topic) => say(topic, 'phx_join', {}),
    echo: (topic) => say(topic, 'echo', SAID),
    heard: (count) => frames.heard(count),
    close: () => socket.terminate(),
  }
}

/** A kept connection: one request at a time. */
export class Kept {
  readonly #socket: Socket
  #text = ''
  #done: (body: string) => void = () => {}

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay()
    this.#socket.setEncoding('utf8')
    this.#socket.on('error', () => {})
    this.#socket.on('data', (text: string) => {
      this.#text += text
      const head = this.#text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? Number.NaN)
      if (head === -1 || this.#text.length < head + 4 + length) return
      const body = this.#text.slice(head + 4)
      this.#text = ''
      this.#done(body)
    })
  }

  ask(head: string, body = ''): Promise<string> {
    return new Promise((resolve) => {
      this.#done = resolve
      this.#socket.write(`${head} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
  }

  get(path: string): Promise<string> {
    return new Promise((resolve) => {
      this.#done = resolve
      this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

/**
 * Polls over one kept connection, and has another one for its POSTs, as a browser does.
 *
 * @param posts Shared by clients that only join: an idle one needs no second connection.
 */
export async function poller(port: number, posts = new Kept(port)): Promise<Client> {
  const frames = new Frames()
  const polls = new Kept(port)
  const path = '/socket/longpoll?vsn=2.0.0'
  let { token } = JSON.parse(await polls.get(path)) as { token: string }
  let isOpen = true
  const poll = async (): Promise<void> => {
    while (isOpen) {
      const answer = JSON.parse(await polls.get(`${path}&token=${token}`)) as {
        token: string
        messages: string[]
      }
      token = answer.token
      for (const message of answer.messages) frames.take(message)
    }
  }
  void poll()
  const say = async (topic: string, event: string, payload: object): Promise<void> => {
    await posts.ask(`POST ${path}&token=${token}`, JSON.stringify(['1', '1', topic, event, payload]))
    await frames.replied()
  }
  return {
    join: (topic) => say(topic, 'phx_join', {}),
    echo: (topic) => say(topic, 'echo', SAID),
    heard: (count) => frames.heard(count),
    close: () => {
      isOpen = false
      polls.close()
      posts.close()
    },
  }
}
