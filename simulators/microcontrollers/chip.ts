/**
 * An ATmega328P at 16 MHz in avr8js: processor, timers, UART, ADC, EEPROM, watchdog. It counts cycles and knows no time.
 *
 * avr8js takes SLEEP for a no-op. Here a sleeping processor executes nothing: the cycle counter jumps from one event of
 * the peripherals to the next until an interrupt wakes it, which is what makes an idle board nearly free.
 */
import { createRequire } from 'node:module';
import type * as Avr8js from 'avr8js';

// The package's ES modules import each other without file endings, which Node refuses.
const avr8js: typeof Avr8js = createRequire(import.meta.url)('avr8js');

export const CYCLES_PER_MS = 16_000;
export const FLASH_BYTES = 32 * 1024;
export const EEPROM_BYTES = 1024;

const SRAM_BYTES = 2048;
const SLEEP_INSTRUCTION = 0x9588;
const SMCR = 0x53;
const SLEEP_ENABLED = 1;
const MCUSR = 0x54;
const WATCHDOG_RESET = 8;
const POWER_ON_RESET = 1;
const SUPPLY_VOLTS = 5;
const ADC_STEPS = 1024;
/** What the datasheet gives for the chip's own thermometer at 25 °C. */
const CHIP_THERMOMETER_VOLTS = 0.314;

export interface Pins {
  /** Volts on an ADC pin at this cycle of the chip; `undefined` for a pin with nothing on it. */
  analog(channel: number, cycle: number): number | undefined;
  /** A byte leaves by the UART. */
  transmit(byte: number): void;
}

export interface Chip {
  /** Cycles since power-up. */
  readonly cycles: number;
  /** Runs to at least this cycle. False when the watchdog has reset the chip on the way: it must be powered up anew. */
  runUntil(cycle: number): boolean;
  /** Puts bytes on the UART's receiving pin, at the line's speed, after those still to come. */
  receive(bytes: Uint8Array): void;
}

/** Powers a chip up. `eeprom` is its memory: the chip writes to it. */
export function createChip(
  flash: Uint8Array<ArrayBuffer>,
  eeprom: Uint8Array,
  pins: Pins,
  cause: 'power' | 'watchdog' = 'power',
): Chip {
  const cpu = new avr8js.CPU(new Uint16Array(flash.buffer), SRAM_BYTES);
  for (const config of [avr8js.timer0Config, avr8js.timer1Config, avr8js.timer2Config])
    new avr8js.AVRTimer(cpu, config);
  const clock = new avr8js.AVRClock(cpu, CYCLES_PER_MS * 1000);
  new avr8js.AVRWatchdog(cpu, avr8js.watchdogConfig, clock);
  new avr8js.AVREEPROM(cpu, {
    readMemory: (address) => eeprom[address % EEPROM_BYTES]!,
    writeMemory: (address, value) => {
      eeprom[address % EEPROM_BYTES]! &= value;
    },
    eraseMemory: (address) => {
      eeprom[address % EEPROM_BYTES] = 0xff;
    },
  });

  const adc = new avr8js.AVRADC(cpu, avr8js.adcConfig);
  adc.onADCRead = (input) => {
    const noise = Math.random();
    let steps = ADC_STEPS * noise;
    if (input.type === avr8js.ADCMuxInputType.SingleEnded) {
      const volts = pins.analog(input.channel, cpu.cycles);
      if (volts !== undefined) steps = (volts / SUPPLY_VOLTS) * ADC_STEPS + noise;
    } else if (input.type === avr8js.ADCMuxInputType.Temperature) {
      steps = (CHIP_THERMOMETER_VOLTS / SUPPLY_VOLTS) * ADC_STEPS + noise;
    }
    const result = Math.max(0, Math.min(ADC_STEPS - 1, Math.floor(steps)));
    cpu.addClockEvent(() => adc.completeADCRead(result), adc.sampleCycles);
  };

  const uart = new avr8js.AVRUSART(cpu, avr8js.usart0Config, CYCLES_PER_MS * 1000);
  const arriving: number[] = [];
  const receiveNext = () => {
    while (arriving.length > 0 && !uart.rxBusy) uart.writeByte(arriving.shift()!);
  };
  uart.onByteTransmit = pins.transmit;
  uart.onRxComplete = receiveNext;

  // A watchdog reset comes as a call of this; avr8js would leave the peripherals and their events as they were.
  let watchdogBit = false;
  cpu.reset = () => {
    watchdogBit = true;
  };
  cpu.data[MCUSR] = cause === 'watchdog' ? WATCHDOG_RESET : POWER_ON_RESET;

  const nextEventCycle = () => (cpu as unknown as { nextClockEvent: { cycles: number } | null }).nextClockEvent?.cycles;
  let asleep = false;
  return {
    get cycles() {
      return cpu.cycles;
    },
    runUntil(cycle) {
      while (cpu.cycles < cycle && !watchdogBit) {
        if (asleep) {
          const interrupted = cpu.nextInterrupt >= 0 && cpu.interruptsEnabled;
          if (!interrupted) cpu.cycles = Math.min(cycle, Math.max(cpu.cycles, nextEventCycle() ?? cycle));
          const pc = cpu.pc;
          cpu.tick();
          asleep = cpu.pc === pc;
        } else {
          asleep = cpu.progMem[cpu.pc] === SLEEP_INSTRUCTION && (cpu.data[SMCR]! & SLEEP_ENABLED) !== 0;
          avr8js.avrInstruction(cpu);
          if (!asleep) cpu.tick();
        }
      }
      return !watchdogBit;
    },
    receive(bytes) {
      arriving.push(...bytes);
      receiveNext();
    },
  };
}
