/** The limits of clients that are connected, or on their way in, at a time. `Infinity` where there is none. */
export interface AdmissionLimits {
  readonly connections: number
  readonly connectionsPerIp: number
  readonly pendingUpgrades: number
}

/** The limit that stands in the way of one more client. */
export type FullLimit = keyof AdmissionLimits

/** A slot for one client: taken before the upgrade, given back when the client is gone. */
export interface AdmissionSlot {
  /** The client is in: it is not on its way any more. */
  entered(): void
  /** Gives the slot back. More than once is as good as once. */
  leave(): void
}

/** Counts the clients that are in and those on their way, so that a rush is stopped before it costs an upgrade. */
export class Admissions {
  readonly #limits: AdmissionLimits
  /** By address; only where addresses have a limit. */
  readonly #perIp: Map<string, number> | undefined
  #taken = 0
  #pending = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
    this.#perIp = Number.isFinite(limits.connectionsPerIp) ? new Map() : undefined
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
    return this.#slot(ip)
  }

  #slot(ip: string | undefined): AdmissionSlot {
    let state: 'pending' | 'in' | 'left' = 'pending'
    return {
      entered: () => {
        if (state !== 'pending') return
        state = 'in'
        this.#pending--
      },
      leave: () => {
        if (state === 'left') return
        if (state === 'pending') this.#pending--
        state = 'left'
        this.#taken--
        if (ip !== undefined) this.#leaveIp(ip)
      },
    }
  }

  #leaveIp(ip: string): void {
    const rest = (this.#perIp?.get(ip) ?? 1) - 1
    if (rest > 0) this.#perIp?.set(ip, rest)
    else this.#perIp?.delete(ip)
  }
}
