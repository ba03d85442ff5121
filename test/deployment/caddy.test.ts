import { caddy } from './proxies.ts'
import { testProxy } from './suite.ts'

testProxy(caddy, { silence: undefined, patience: undefined })
