import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import type { Deadline } from '../../ground/deadline.ts'
import { tell } from '../../ground/foreign.ts'
import { onCloseCalled, onServerCloses } from '../closing.ts'

/** While the server closes, answers are looked for so often: no event tells of one that others give. */
const LOOK_MS = 20

/** A second look comes so much later: what had arrived while the event loop stood still has been read by then. */
const SECOND_LOOK_MS = 1_000

/** A socket that belongs to nobody yet. */
interface Watched {
  /** The bytes that had been written to it before. */
  written: number
  isLookedAt: boolean
}

/**
 * The sockets of one HTTP server between the request for an upgrade and the WebSocket, or nothing. In between they belong
 * to nobody: neither the HTTP server nor ws would ever end them.
 */
export class Upgrades {
  readonly #pending = new Map<Socket, Watched>()
  readonly #forget: (this: Socket) => void
  readonly #lookAgain: (this: Socket) => void
  readonly #timeoutMs: number
  /** The closers of the mounts on this server. Fastify asks one after the other: the first begins with all. */
  readonly closers = new Set<() => Promise<void>>()
  #isCloseCalled = false
  #isClosing = false

  /** @param timeoutMs What was answered, or is nobody's, is ended then; not what hooks are still asked about. 0: no limit. */
  static of(app: FastifyInstance, timeoutMs: number): Upgrades {
    let upgrades = known.get(app.server)
    if (upgrades === undefined) {
      upgrades = new Upgrades(app, timeoutMs)
      known.set(app.server, upgrades)
    }
    return upgrades
  }

  private constructor(app: FastifyInstance, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    const pending = this.#pending
    this.#forget = function () {
      pending.delete(this)
    }
    this.#lookAgain = function () {
      const watched = pending.get(this)
      if (watched === undefined) return
      const isUndecided = this.bytesWritten <= watched.written && isBehindAnother(this)
      if (watched.isLookedAt && !isUndecided) return cutUnread.call(this)
      watched.isLookedAt = true
      this.setTimeout(SECOND_LOOK_MS)
    }
    // Before any hook of others: Fastify closes already.
    app.addHook('preClose', (done) => {
      this.#isClosing = true
      done()
    })
    onCloseCalled(app, () => {
      this.#isCloseCalled = true
    })
    onServerCloses(app.server, () => {
      if (this.#isCloseCalled) this.close()
    })
    // Before those that answer: they assign the socket to an answer of their own, as the request in front of this one does.
    app.server.prependListener('upgrade', (request: IncomingMessage) => {
      const socket = socketOf(request)
      if (socket === undefined) return
      if (this.#isClosing) endBehindAnswer(socket)
      else if (isBehindAnother(socket)) endUnread(socket)
      // Behind the other listeners: most are done when those have heard of them, and are read.
      else process.nextTick(this.#lookAt, socket, socket.bytesWritten)
    })
  }

  /** @param written The bytes that had been written to it before. */
  readonly #lookAt = (socket: Socket, written: number): void => {
    if (!socket.destroyed && !isRead(socket)) this.#watch(socket, written)
  }

  /**
   * Outside of the scope that has @fastify/websocket, or where the URL cannot be read, an upgrade is answered (404, 400),
   * and its socket then does not even notice that its client has gone.
   */
  #watch(socket: Socket, written: number): void {
    this.#pending.set(socket, { written, isLookedAt: false })
    // Node calls what is given to `setTimeout` once.
    socket.setTimeout(this.#timeoutMs).on('timeout', this.#lookAgain)
    socket.on('end', cutUnread).on('close', this.#forget)
  }

  /** A WebSocket has taken the socket over. */
  taken(socket: Socket): void {
    if (!this.#pending.delete(socket)) return
    socket.off('timeout', this.#lookAgain).off('end', cutUnread).off('close', this.#forget)
  }

  /**
   * All mounts of a server close at the same time: their deadlines would add up. Also where a `preClose` hook of others has
   * failed, which takes out those behind it: the server would wait for clients that nobody has told.
   */
  close(): void {
    this.#isClosing = true
    for (const each of this.closers) tell(each, () => {})
  }

  /** Ends what has been answered, waits for what is on its way, and ends that of which nothing comes in time. */
  async end(deadline: Deadline): Promise<void> {
    const gone = Promise.all(this.#unread.map((socket) => new Promise((done) => socket.once('close', done))))
    for (let left = this.#unread; left.length > 0 && deadline.leftMs > 0; left = this.#unread) {
      this.#endAnswered(left)
      await Promise.race([gone, deadline.pause(LOOK_MS)])
    }
    for (const socket of this.#unread) socket.destroy()
  }

  get #unread(): Socket[] {
    return [...this.#pending.keys()].filter((socket) => !isRead(socket))
  }

  #endAnswered(sockets: readonly Socket[]): void {
    for (const socket of sockets) {
      const watched = this.#pending.get(socket)
      if (watched === undefined || socket.bytesWritten <= watched.written) continue
      // Once: what is still to be read by its client is waited for.
      watched.written = Number.POSITIVE_INFINITY
      socket.destroySoon()
    }
  }
}

const known = new WeakMap<object, Upgrades>()

/**
 * While Fastify closes it answers an upgrade with 503 before any hook, and nobody ends the socket, which no server counts
 * as idle: `close` would wait for as long as the client stays. Clients come back within 10 ms, so there is often one.
 */
function endBehindAnswer(socket: Socket): void {
  // Behind the answer, which another listener gives in this turn.
  queueMicrotask(() => socket.destroySoon())
}

/**
 * An upgrade that was sent before the answer to the request in front of it: @fastify/websocket cannot answer such a one, and
 * goes on without a word, and the socket would stay for as long as its client.
 */
function isBehindAnother(socket: Socket): boolean {
  try {
    probe.assignSocket(socket)
  } catch {
    return true
  }
  probe.detachSocket(socket)
  return false
}

/** An answer to nothing: a socket tells whether it has one already only by refusing another. */
const probe = new ServerResponse(new IncomingMessage(new Socket()))

/** Others may be able to serve it: their listeners are asked in this turn. */
function endUnread(socket: Socket): void {
  queueMicrotask(() => {
    if (!isRead(socket)) socket.destroy()
  })
}

/**
 * The socket that a request came in on. None with `injectWS`, where the caller may have put anything in its place; and
 * Node 26 hands over a stream of its own where an upgrade has a body: neither has a socket's methods.
 */
export function socketOf({ socket }: IncomingMessage): Socket | undefined {
  return socket instanceof Socket ? socket : undefined
}

/**
 * @fastify/websocket ends the connection of a refused upgrade, but not where a hook refuses that the application added
 * before it. Nothing reads that socket any more: it would not even notice that its client is gone.
 */
export function endRefused({ raw }: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  // The type does not tell, but Node does.
  if ((raw as { upgrade?: boolean }).upgrade) socketOf(raw)?.destroySoon()
  done()
}

/**
 * An open connection needs nothing of its HTTP request any more. @fastify/websocket's error listener and the socket's
 * link to its response would keep both alive as long as the connection.
 */
export function letGo(ws: WebSocket, socket: Socket | undefined, reply: FastifyReply): void {
  ws.removeAllListeners('error')
  if (socket !== undefined && reply.raw.socket === socket) reply.raw.detachSocket(socket)
}

/** Somebody has taken it over whom we do not know: a proxy, another WebSocket server. */
function isRead(socket: Socket): boolean {
  return socket.listenerCount('data') > 0
}

// Listeners, shared by all sockets

function cutUnread(this: Socket): void {
  if (!isRead(this)) this.destroy()
}
