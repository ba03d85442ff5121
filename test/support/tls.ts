export { certificate as tls } from '../../bench/peers/certificate.ts'
