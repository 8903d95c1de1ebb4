export { kafkaSettings } from './kafka.ts';
export { type Pair, readCertificates, readPair } from './pem.ts';
export { type FileWatch, type Watched, watchFiles } from './watch.ts';
