import { expect, test } from 'vitest';
import { foreignParser } from './formats.ts';

// The payloads are of the kinds that the makers' own documentation shows.

const parse = foreignParser([
  { format: 'tasmota', topic: 'tele/{device}/{path#}' },
  { format: 'zigbee2mqtt', topic: 'zigbee2mqtt/{device#}' },
  { format: 'shelly' },
]);

function read(topic: string, payload: unknown): string[] | 'ignored' | undefined {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const parsed = parse(topic, Buffer.from(text));
  if (parsed?.length === 0) return 'ignored';
  return parsed?.flatMap(({ device, values, problems, ts }) => [
    ...values.map(
      ({ metric, value, unit }) => `${device} ${metric} ${value} ${unit}${ts === undefined ? '' : ` @${ts}`}`,
    ),
    ...problems.map(({ code }) => code),
  ]);
}

test('Tasmota: sensors, each with its units', () => {
  expect(
    read('tele/shed/SENSOR', {
      Time: '2023-05-28T20:04:27',
      BME280: { Temperature: 21.2, Humidity: 64.5, DewPoint: 14.2, Pressure: 991.4 },
      SCD40: { CarbonDioxide: 618, eCO2: 623 },
      PressureUnit: 'hPa',
      TempUnit: 'C',
    }),
  ).toEqual([
    'shed BME280.Temperature 21.2 Cel',
    'shed BME280.Humidity 64.5 %',
    'shed BME280.DewPoint 14.2 Cel',
    'shed BME280.Pressure 991.4 hPa',
    'shed SCD40.CarbonDioxide 618 [ppm]',
    'shed SCD40.eCO2 623 [ppm]',
  ]);
  expect(
    read('tele/shed/SENSOR', {
      'DS18B20-1': { Id: '01131B3C2B2F', Temperature: 74.8 },
      BMP280: { Temperature: null, Pressure: 740.1 },
      TempUnit: 'F',
      PressureUnit: 'mmHg',
    }),
  ).toEqual(['shed DS18B20-1.Temperature 74.8 [degF]', 'shed BMP280.Pressure 740.1 mm[Hg]']);
});

test('Tasmota: energy, also of several phases', () => {
  expect(
    read('tele/plug/SENSOR', {
      Time: '2019-01-16T01:07:31',
      ENERGY: {
        TotalStartTime: '2019-01-15T04:12:42',
        Total: 235.743,
        Period: 0,
        Power: [1, 2],
        ApparentPower: 16,
        ReactivePower: 16,
        Factor: 0.06,
        Voltage: 121,
        Current: 0.136,
      },
    }),
  ).toEqual([
    'plug ENERGY.Total 235.743 kW.h',
    'plug ENERGY.Period 0 W.h',
    'plug ENERGY.Power.0 1 W',
    'plug ENERGY.Power.1 2 W',
    'plug ENERGY.ApparentPower 16 V.A',
    'plug ENERGY.ReactivePower 16 V.A{reactive}',
    'plug ENERGY.Factor 0.06 1',
    'plug ENERGY.Voltage 121 V',
    'plug ENERGY.Current 0.136 A',
  ]);
});

test('Tasmota: the state of the device, switches as 1 and 0', () => {
  const state = {
    Time: '2019-10-31T11:14:59',
    Uptime: '0T18:36:12',
    UptimeSec: 66_972,
    Vcc: 3.423,
    SleepMode: 'Dynamic',
    POWER1: 'OFF',
    POWER2: 'ON',
    Wifi: { AP: 1, SSId: 'x', RSSI: 100, Signal: -41, Downtime: '0T00:00:06' },
  };
  expect(read('tele/t/STATE', state)).toEqual([
    't UptimeSec 66972 s',
    't Vcc 3.423 V',
    't POWER1 0 1',
    't POWER2 1 1',
    't Wifi.AP 1 1',
    't Wifi.RSSI 100 %',
    't Wifi.Signal -41 dB{mW}',
  ]);
});

test('Tasmota: a time in seconds since 1970 is no measurement', () => {
  const sensors = { ANALOG: { A0: 512 }, TempUnit: 'C' };
  expect(read('tele/t/SENSOR', { Time: '2019-04-17T16:39:00', Epoch: 1_555_515_540, ...sensors })).toEqual([
    't ANALOG.A0 512 1',
  ]);
  expect(read('tele/t/SENSOR', { Time: 1_555_515_540, ...sensors })).toEqual(['t ANALOG.A0 512 1']);
});

test.each([
  ['tele/t/LWT', 'Online'],
  ['tele/t/INFO1', { Info1: { Module: 'Generic', Version: '14.1.0' } }],
  ['tele/t/SENSOR', { Time: '2018.02.15 01:00:50', Switch: 'HOLD' }],
  ['zigbee2mqtt/bridge/state', { state: 'online' }],
  ['zigbee2mqtt/bridge/logging', { level: 'info', message: 'x' }],
  ['zigbee2mqtt/kitchen/lamp/availability', 'online'],
  ['zigbee2mqtt/lamp/set', { state: 'ON' }],
  ['zigbee2mqtt/lamp/set/state', 'ON'],
  ['zigbee2mqtt/button', { action: 'single' }],
  ['zigbee2mqtt/odd', { state: 'constructor' }],
  ['shellies/announce', { id: 'shelly1-1' }],
  ['shellies/shelly1-1/announce', { id: 'shelly1-1' }],
  ['shellies/shelly1-1/info', { wifi_sta: { rssi: -60 } }],
  ['shellies/shelly1-1/input_event/0', { event: 'S', event_cnt: 2 }],
  ['shellies/shellyswitch-1/roller/0', 'stop'],
  ['shellyplus1-1/status/sys', { uptime: 3, ram_free: 1 }],
  ['shellyplus1-1/status/script:1', { id: 1, running: true, mem_used: 5 }],
  ['shellyplus1-1/events/rpc', { method: 'NotifyEvent', params: { ts: 1, events: [] } }],
])('%s %j is ignored on purpose', (topic, payload) => {
  expect(read(topic, payload)).toBe('ignored');
});

test.each([
  ['tele/t/SENSOR', '{"Time"', ['NOT_JSON']],
  ['zigbee2mqtt/lamp', 'ON', ['NOT_JSON']],
  ['zigbee2mqtt/lamp', '[]', ['NOT_AN_OBJECT']],
  ['shellies/shelly1pm-1/relay/0/power', 'much', ['VALUE_NOT_A_NUMBER']],
  ['shellyplus1-1/status/switch:0', 'on', ['NOT_JSON']],
  ['shellyplus1-1/events/rpc', '{"method":"NotifyStatus","params":7}', ['NOT_AN_OBJECT']],
])('%s %s is a dead letter', (topic, payload, expected) => {
  expect(read(topic, payload)).toEqual(expected);
});

test('Zigbee2MQTT: numbers with units, booleans and switches as 1 and 0', () => {
  expect(
    read('zigbee2mqtt/kitchen', {
      battery: 97,
      voltage: 3_045,
      temperature: 27.34,
      humidity: 44.72,
      pressure: 1_001.2,
      linkquality: 110,
      occupancy: true,
      last_seen: '2020-02-26T20:44:09+01:00',
      update: { state: 'idle', installed_version: 5 },
      illuminance: null,
    }),
  ).toEqual([
    'kitchen battery 97 %',
    'kitchen voltage 3045 mV',
    'kitchen temperature 27.34 Cel',
    'kitchen humidity 44.72 %',
    'kitchen pressure 1001.2 hPa',
    'kitchen linkquality 110 1',
    'kitchen occupancy 1 1',
  ]);
  expect(
    read('zigbee2mqtt/plug', {
      state: 'ON',
      state_right: 'OFF',
      power: 3,
      voltage: 229,
      energy: 0.3,
      color: { x: 0.1, y: 0.2 },
    }),
  ).toEqual(['plug state 1 1', 'plug state_right 0 1', 'plug power 3 W', 'plug voltage 229 V', 'plug energy 0.3 kW.h']);
});

test('Zigbee2MQTT: phases and endpoints have the unit of the whole, and air its own', () => {
  expect(
    read('zigbee2mqtt/meter', {
      ac_frequency: 50,
      power: 100,
      power_phase_b: 110,
      power_apparent_phase_c: 130,
      power_reactive: 5,
      power_factor_phase_b: 0.9,
      voltage: 230,
      voltage_phase_b: 231,
      current_l2: 0.4,
      energy_produced_a: 7,
    }),
  ).toEqual([
    'meter ac_frequency 50 Hz',
    'meter power 100 W',
    'meter power_phase_b 110 W',
    'meter power_apparent_phase_c 130 V.A',
    'meter power_reactive 5 V.A{reactive}',
    'meter power_factor_phase_b 0.9 1',
    'meter voltage 230 V',
    'meter voltage_phase_b 231 V',
    'meter current_l2 0.4 A',
    'meter energy_produced_a 7 kW.h',
  ]);
  expect(read('zigbee2mqtt/air', { co2: 600, voc: 120, hcho: 0.02, pm25: 8 })).toEqual([
    'air co2 600 [ppm]',
    'air voc 120 ug/m3',
    'air hcho 0.02 mg/m3',
    'air pm25 8 ug/m3',
  ]);
});

test('Zigbee2MQTT: a friendly name with slashes becomes a valid one of its own', () => {
  expect(read('zigbee2mqtt/kitchen/floor light', { power: 1 })).toEqual([
    expect.stringMatching(/^kitchen\.floor_light_[0-9a-f]{10} power 1 W$/),
  ]);
});

test.each([
  ['relay/0', 'on', 'relay.0 1 1'],
  ['relay/0/power', '12.34', 'relay.0.power 12.34 W'],
  ['relay/0/energy', '560', 'relay.0.energy 560 W.min'],
  ['emeter/1/total', '1184633.1', 'emeter.1.total 1184633.1 W.h'],
  ['emeter/1/reactive_power', '-3', 'emeter.1.reactive_power -3 V.A{reactive}'],
  ['sensor/temperature', '21.5', 'sensor.temperature 21.5 Cel'],
  ['sensor/humidity', '48.5', 'sensor.humidity 48.5 %'],
  ['sensor/battery', '88', 'sensor.battery 88 %'],
  ['sensor/flood', 'false', 'sensor.flood 0 1'],
  ['sensor/state', 'open', 'sensor.state 1 1'],
  ['ext_temperature/0', '19', 'ext_temperature.0 19 Cel'],
  ['input/0', '1', 'input.0 1 1'],
  ['temperature', '45.1', 'temperature 45.1 Cel'],
  ['online', 'true', 'online 1 1'],
])('Shelly, first generation: %s %s', (path, payload, expected) => {
  expect(read(`shellies/shelly-1/${path}`, payload)).toEqual([`shelly-1 ${expected}`]);
});

test('Shelly, second generation: the status of a component', () => {
  expect(
    read('shellyplus1pm-1/status/switch:0', {
      id: 0,
      source: 'MQTT',
      output: true,
      apower: 8.9,
      voltage: 237.5,
      freq: 50,
      current: 0.05,
      aenergy: { total: 6.532, by_minute: [45.199, 47.141, 88.397], minute_ts: 1_626_935_779 },
      temperature: { tC: 23.5, tF: 74.3 },
      errors: [],
    }),
  ).toEqual([
    'shellyplus1pm-1 switch:0.output 1 1',
    'shellyplus1pm-1 switch:0.apower 8.9 W',
    'shellyplus1pm-1 switch:0.voltage 237.5 V',
    'shellyplus1pm-1 switch:0.freq 50 Hz',
    'shellyplus1pm-1 switch:0.current 0.05 A',
    'shellyplus1pm-1 switch:0.aenergy.total 6.532 W.h',
    'shellyplus1pm-1 switch:0.temperature.tC 23.5 Cel',
  ]);
  expect(
    read('shellypro3em-1/status/em:0', { id: 0, a_act_power: 501.8, a_aprt_power: 612.4, a_pf: 0.84, n_current: null }),
  ).toEqual([
    'shellypro3em-1 em:0.a_act_power 501.8 W',
    'shellypro3em-1 em:0.a_aprt_power 612.4 V.A',
    'shellypro3em-1 em:0.a_pf 0.84 1',
  ]);
  expect(read('shellypro3em-1/status/emdata:0', { id: 0, a_total_act_energy: 5, total_act_ret: 2 })).toEqual([
    'shellypro3em-1 emdata:0.a_total_act_energy 5 W.h',
    'shellypro3em-1 emdata:0.total_act_ret 2 W.h',
  ]);
});

test('Shelly, second generation: an input that counts has no energy', () => {
  expect(
    read('shellyi4-1/status/input:2', {
      id: 2,
      state: null,
      counts: { total: 1_204, by_minute: [3, 0], xtotal: 12.04 },
      freq: 0.5,
    }),
  ).toEqual([
    'shellyi4-1 input:2.counts.total 1204 1',
    'shellyi4-1 input:2.counts.xtotal 12.04 1',
    'shellyi4-1 input:2.freq 0.5 Hz',
  ]);
});

test('Shelly, second generation: what a notification says has changed', () => {
  expect(
    read('shellyplusht-1/events/rpc', {
      src: 'shellyplusht-1',
      dst: 'shellyplusht-1/events',
      method: 'NotifyFullStatus',
      params: {
        ts: 1_680_962_879.62,
        ble: {},
        'devicepower:0': { id: 0, battery: { V: 5.9, percent: 93 }, external: { present: false } },
        'humidity:0': { id: 0, rh: 42.2 },
        'temperature:0': { id: 0, tC: 19.8, tF: 67.6 },
        sys: { uptime: 3 },
        wifi: { sta_ip: '192.168.3.183', rssi: -60 },
      },
    }),
  ).toEqual([
    'shellyplusht-1 devicepower:0.battery.V 5.9 V @1680962879620',
    'shellyplusht-1 devicepower:0.battery.percent 93 % @1680962879620',
    'shellyplusht-1 devicepower:0.external.present 0 1 @1680962879620',
    'shellyplusht-1 humidity:0.rh 42.2 % @1680962879620',
    'shellyplusht-1 temperature:0.tC 19.8 Cel @1680962879620',
    'shellyplusht-1 wifi.rssi -60 dB{mW} @1680962879620',
  ]);
});
