import type { ServerResponse } from 'node:http'

/** The limits of clients that are connected, or on their way in, at a time. `Infinity` where there is none. */
export interface AdmissionLimits {
  readonly connections: number
  readonly connectionsPerIp: number
  readonly pendingUpgrades: number
}

/** The limit that stands in the way of one more client. */
export type FullLimit = keyof AdmissionLimits

/** The books of the slots. */
interface Books {
  entered(): void
  left(ip: string | undefined, wasPending: boolean): void
}

/** A slot for one client: taken before the upgrade, given back when the client is gone. */
export class AdmissionSlot {
  readonly #books: Books
  readonly #ip: string | undefined
  #state: 'pending' | 'in' | 'left' = 'pending'

  constructor(books: Books, ip: string | undefined) {
    this.#books = books
    this.#ip = ip
  }

  /** Gives the slot back where the reply ends without a client. */
  heldBy(reply: ServerResponse): void {
    ;(reply as Holder)[kSlot] = this
    reply.on('close', giveBack)
  }

  /** The client is in: it is not on its way any more, and does not go with the reply. */
  entered(reply: ServerResponse): void {
    // Cheaper than to take the listener off, which goes with the reply.
    ;(reply as Holder)[kSlot] = undefined
    if (this.#state !== 'pending') return
    this.#state = 'in'
    this.#books.entered()
  }

  /** Gives the slot back. More than once is as good as once. */
  leave(): void {
    if (this.#state === 'left') return
    const wasPending = this.#state === 'pending'
    this.#state = 'left'
    this.#books.left(this.#ip, wasPending)
  }
}

const kSlot = Symbol('beryl slot')

type Holder = ServerResponse & { [kSlot]?: AdmissionSlot | undefined }

/** A listener, shared by all replies. */
function giveBack(this: Holder): void {
  this[kSlot]?.leave()
}

/** Counts the clients that are in and those on their way, so that a rush is stopped before it costs an upgrade. */
export class Admissions implements Books {
  readonly #limits: AdmissionLimits
  /** By address; only where addresses have a limit. */
  readonly #perIp: Map<string, number> | undefined
  #taken = 0
  #pending = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
    this.#perIp = Number.isFinite(limits.connectionsPerIp) ? new Map() : undefined
  }

  /** True where clients are counted by their address: else nobody needs to ask for it. */
  get countsAddresses(): boolean {
    return this.#perIp !== undefined
  }

  /** The clients that are in. */
  get connections(): number {
    return this.#taken - this.#pending
  }

  /**
   * A slot, or the limit for which there is none.
   *
   * @param ip Where the client has no address (a Unix socket), none: then it does not count against its own.
   */
  take(ip: string | undefined): AdmissionSlot | FullLimit {
    const { connections, connectionsPerIp, pendingUpgrades } = this.#limits
    if (this.#taken >= connections) return 'connections'
    if (this.#pending >= pendingUpgrades) return 'pendingUpgrades'
    const sameIp = ip === undefined ? 0 : (this.#perIp?.get(ip) ?? 0)
    if (ip !== undefined && sameIp >= connectionsPerIp) return 'connectionsPerIp'
    this.#taken++
    this.#pending++
    if (ip !== undefined) this.#perIp?.set(ip, sameIp + 1)
    return new AdmissionSlot(this, ip)
  }

  entered(): void {
    this.#pending--
  }

  left(ip: string | undefined, wasPending: boolean): void {
    if (wasPending) this.#pending--
    this.#taken--
    if (ip !== undefined) this.#leaveIp(ip)
  }

  #leaveIp(ip: string): void {
    const rest = (this.#perIp?.get(ip) ?? 1) - 1
    if (rest > 0) this.#perIp?.set(ip, rest)
    else this.#perIp?.delete(ip)
  }
}
