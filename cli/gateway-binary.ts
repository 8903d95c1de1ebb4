import { command } from './gateway.ts';
import { runProgram } from './program.ts';

/* The entry of the single binary, which carries the gateway and no hub. It becomes CommonJS, which has no await out here. */
void runProgram('An edge IoT gateway.', [command]);
