import { memoryNetwork } from '../../src/testing/network.ts'
import { Dice } from '../fuzz/dice.ts'
import { SIDE_ENTRANCE } from './application.ts'
import { ControlClient } from './control-client.ts'
import { Links } from './hostile-adapter.ts'
import { HostileClient } from './hostile-client.ts'
import { Ledger } from './ledger.ts'
import { NodeSeat } from './node-seat.ts'
import { type Line, type LineListener, Refused, type Stage } from './stage.ts'
import type { Trace } from './trace.ts'
import type { Findings } from './violation.ts'

const NODES = 3
/** In the query of a client that comes by the further entrance. */
const BY_THE_SIDE = '&entrance=side'
const CONTROLS_PER_NODE = 2
/** Hostile clients at a time. */
const CROWD = 24

export interface WorldInit {
  readonly stage: Stage
  readonly seed: number
  readonly trace: Trace
  readonly findings: Findings
  readonly counts: Map<string, number>
}

/** Three nodes, the clients that attack them, and those that must not notice. */
export class World {
  readonly stage: Stage
  readonly links = new Links()
  readonly network = memoryNetwork()
  readonly nodes: readonly NodeSeat[]
  readonly controls: ControlClient[] = []
  readonly hostiles: HostileClient[] = []
  readonly ledger: Ledger
  readonly findings: Findings
  readonly #init: WorldInit
  readonly #cleanups: (() => void)[] = []
  #names = 0

  constructor(init: WorldInit) {
    const { stage, seed, findings } = init
    this.#init = init
    this.stage = stage
    this.findings = findings
    this.ledger = new Ledger(findings)
    this.nodes = Array.from(
      { length: NODES },
      (_, index) =>
        new NodeSeat({
          index,
          stage,
          links: this.links,
          dice: new Dice(seed + index),
          findings,
          adapter: () => this.network.adapter(),
          told: (name, detail) => this.#told(`node ${index}`, name, detail),
        }),
    )
  }

  /** Starts the nodes, and lets the control clients in. */
  async begin(): Promise<void> {
    for (const node of this.nodes) await node.start()
    await this.advance(10_000)
    for (const node of this.nodes) node.idleTimers = node.clock.pending
    for (let n = 0; n < NODES * CONTROLS_PER_NODE; n++) {
      const control = new ControlClient(`control ${n}`, n % NODES, {
        clock: this.stage.clock,
        ledger: this.ledger,
        findings: this.findings,
        connect: (node, listener) => this.#connect(`control ${n}`, node, '', listener),
        members: () => this.controls,
      })
      this.controls.push(control)
      await control.connect()
    }
    await this.advance(1_000)
  }

  advance(ms: number): Promise<void> {
    return this.stage.advance(ms)
  }

  /** Each control client says its next. */
  tick(): void {
    for (const control of this.controls) control.say()
  }

  count(what: string): void {
    const { counts } = this.#init
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }

  note(who: string, what: string): void {
    this.#init.trace.add(this.stage.clock.now(), who, what)
  }

  /** Runs when the round is over. */
  atEnd(cleanup: () => void): void {
    this.#cleanups.push(cleanup)
  }

  endListeners(): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
  }

  // Whom a move is played on

  upNode(dice: Dice): NodeSeat | undefined {
    const up = this.nodes.filter(({ isUp }) => isUp)
    return up.length === 0 ? undefined : dice.pick(up)
  }

  /** A hostile client that is there, or a new one. */
  async anybody(dice: Dice): Promise<HostileClient> {
    const open = this.hostiles.filter(({ isOpen }) => isOpen)
    if (open.length >= CROWD || (open.length > 0 && !dice.oneIn(3))) return dice.pick(open)
    return this.newcomer(dice)
  }

  /** A new hostile client. Where no node lets it in, whatever it does goes nowhere. */
  async newcomer(dice: Dice): Promise<HostileClient> {
    const node = this.upNode(dice)
    const name = `client ${++this.#names}`
    const client = new HostileClient(name, node?.index ?? 0, this.findings, () => this.stage.clock.now())
    client.isOpen = false
    if (node === undefined) return client
    await this.#letIn(client, dice.oneIn(4) ? BY_THE_SIDE : '')
    return client
  }

  /** A new client of one node. */
  async visitor(index: number): Promise<HostileClient> {
    const client = new HostileClient(`visitor of ${index}`, index, this.findings, () =>
      this.stage.clock.now(),
    )
    await this.#letIn(client, '')
    return client
  }

  /** Asks to be let in, with a query that makes `connect` act. */
  async knock(dice: Dice, query: string): Promise<void> {
    const node = this.upNode(dice)
    if (node === undefined) return
    const name = `client ${++this.#names}`
    const client = new HostileClient(name, node.index, this.findings, () => this.stage.clock.now())
    await this.#letIn(client, query)
  }

  async #letIn(client: HostileClient, query: string): Promise<void> {
    client.isOpen = true
    const connecting = this.#connect(client.name, client.node, query, client)
    try {
      if (!(await this.stage.until(connecting, 30_000))) {
        this.findings.add('a client is neither let in nor refused')
        client.isOpen = false
        return
      }
      client.attach(await connecting)
      this.hostiles.push(client)
    } catch (error) {
      client.isOpen = false
      this.count(error instanceof Refused ? `answer ${error.statusCode}` : 'no connection')
    }
  }

  clientsOf(index: number): { drop(): void }[] {
    const hostiles = this.hostiles.filter(({ node, isOpen }) => node === index && isOpen)
    return [
      ...this.controls.filter(({ node }) => node === index),
      ...hostiles.map((client) => ({ drop: () => client.go('drop') })),
    ]
  }

  async stopNode(dice: Dice, node = this.upNode(dice)): Promise<void> {
    await node?.stop()
  }

  async startNodes(): Promise<void> {
    for (const node of this.nodes) {
      if (node.isEnding) await node.stop()
      if (node.app === undefined) await node.start()
    }
  }

  // The wire, with everything on it in the trace

  async #connect(name: string, index: number, query: string, listener: LineListener): Promise<Line> {
    const node = this.nodes[index] as NodeSeat
    const { app, clock } = node
    if (app === undefined || !node.isUp) throw new Refused(503)
    const path = query.includes(BY_THE_SIDE) ? SIDE_ENTRANCE : app.channels.path
    const line = await this.stage.connect({ app, clock, path }, query, {
      message: (data, isBinary) => {
        this.count('messages of servers')
        this.note(name, `< ${printed(data)}`)
        listener.message(data, isBinary)
      },
      closed: (code) => {
        this.note(name, `closed ${code}`)
        listener.closed(code)
      },
    })
    this.note(name, `is on node ${index}`)
    return {
      send: (data, isBinary) => {
        this.count('messages of clients')
        this.note(name, `> ${printed(data)}`)
        line.send(data, isBinary)
      },
      leave: (how) => line.leave(how),
      read: (isReading) => line.read(isReading),
    }
  }

  #told(who: string, name: string, detail: string): void {
    this.count(`${name}: ${detail}`)
    this.note(who, `${name} ${detail}`)
  }
}

function printed(data: Buffer): string {
  return data.length > 400
    ? `${data.toString('latin1', 0, 400)}… ${data.length} bytes`
    : data.toString('latin1')
}
