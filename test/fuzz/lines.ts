import type { FastifyInstance } from 'fastify'
import { framePayload, isBinaryFrame } from '../../src/protocol/frame.ts'
import { connect } from '../../src/testing/index.ts'
import { BINARY, CONTINUATION, Peer, TEXT } from '../support/peer.ts'
import type { Dice } from './dice.ts'
import { Violation } from './judge.ts'
import type { Sent, Version } from './messages.ts'

/** One client's connection, of whichever kind. */
export interface Line {
  send(sent: Sent): void
  onMessage: (payload: Buffer, isBinary: boolean) => void
  /** Gives `onMessage` what has come meanwhile, where that does not happen by itself. */
  read(): void
  /** The code with which the server closed, where it did. */
  readonly closedWith: number | undefined
  /** Goes, one way or another. */
  leave(dice: Dice): Promise<unknown>
}

/** A client without a socket: what it sends goes straight into its session. */
export async function memoryLine(app: FastifyInstance, version: Version): Promise<Line> {
  const client = await connect(app, { vsn: version })
  let seen = 0
  const line = {
    onMessage: (_payload: Buffer, _isBinary: boolean): void => {},
    send({ data, isBinary }: Sent): void {
      client.sendRaw(data, isBinary)
    },
    read() {
      for (; seen < client.writes.length; seen++)
        for (const frame of client.writes[seen] ?? [])
          line.onMessage(framePayload(frame), isBinaryFrame(frame))
    },
    get closedWith() {
      return client.closed?.code
    },
    leave: (dice: Dice) => client.close(dice.pick([1000, 1001, 1006])),
  }
  return line
}

/** A client on a real socket. Its messages come in pieces at times. */
export async function socketLine(port: number, version: Version, dice: Dice): Promise<Line> {
  const peer = await Peer.open({ port, path: `/socket/websocket?vsn=${version}` })
  return {
    get onMessage() {
      return peer.onMessage
    },
    set onMessage(listener: Line['onMessage']) {
      peer.onMessage = listener
    },
    read() {},
    send({ data, isBinary }) {
      const cut = dice.oneIn(8) ? dice.below(data.length + 1) : data.length
      const opcode = isBinary ? BINARY : TEXT
      if (cut === data.length) return peer.frame(opcode, data)
      peer.frame(opcode, data.subarray(0, cut), { fin: false })
      peer.frame(CONTINUATION, data.subarray(cut))
    },
    get closedWith() {
      return peer.isGone ? (peer.closeCode ?? 1006) : peer.closeCode
    },
    async leave(leaving) {
      await (leaving.oneIn(3) ? peer.reset() : peer.close())
      if (peer.broken !== undefined) throw new Violation(peer.broken)
    },
  }
}
