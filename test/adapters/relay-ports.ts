import type { Port } from '../../src/adapters/port.ts'

/** One end of a channel by hand, which counts what passes and may hold it, as a process that is stopped does. */
export class TestPort implements Port {
  other: TestPort | undefined
  readonly sent: object[] = []
  isStopped = false
  #held: unknown[] = []
  #took: (message: unknown) => void = () => {}
  #ended: () => void = () => {}

  /** Both ends. */
  static pair(): [port: TestPort, primary: TestPort] {
    const [port, primary] = [new TestPort(), new TestPort()]
    port.other = primary
    primary.other = port
    return [port, primary]
  }

  send(message: object): void {
    this.sent.push(message)
    this.other?.take(structuredClone(message))
  }

  take(message: unknown): void {
    if (this.isStopped) this.#held.push(message)
    else this.#took(message)
  }

  goOn(): void {
    this.isStopped = false
    for (const message of this.#held.splice(0)) this.#took(message)
  }

  listen(took: (message: unknown) => void, ended: () => void): () => void {
    this.#took = took
    this.#ended = ended
    return () => {}
  }

  end(): void {
    this.#ended()
  }
}
