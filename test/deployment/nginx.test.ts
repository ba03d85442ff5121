import { nginx } from './proxies.ts'
import { testProxy } from './suite.ts'

testProxy(nginx, {
  silence: [['proxy_read_timeout 75s', 'proxy_read_timeout 3s']],
  patience: [['worker_shutdown_timeout 10m', 'worker_shutdown_timeout 3s']],
})
