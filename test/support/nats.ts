import { Broker, freePort } from './broker.ts'

/** A nats-server of the test's own. */
export class NatsServer extends Broker {
  readonly #config: readonly string[]

  private constructor(port: number, config: readonly string[]) {
    super('nats-server', port)
    this.#config = config
  }

  /** @param config further lines of nats.conf */
  static async start(...config: string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), config)
    await server.start()
    return server
  }

  override get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  protected override configuration(): readonly string[] {
    return [`listen: 127.0.0.1:${this.port}`, ...this.#config]
  }

  protected override argumentsFor(file: string): readonly string[] {
    return ['-c', file]
  }
}
