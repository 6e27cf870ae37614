// SPDX-License-Identifier: Apache-2.0
//! Tests discovery, BAR placement and MSI-X with a fake configuration space: no device, a plain device, a doorbell
//! device, and devices with invalid registers.

use proptest::prelude::*;
use safe_mmio::UniqueMmioPointer;
use safe_mmio::fields::ReadPureWrite;

use super::fake::{FakeConfig, FakeFunction};
use super::*;

const MIB: u64 = 1 << 20;
const AT: (u8, u8, u8) = (0, 2, 0);

fn windows() -> Windows {
    Windows { narrow: Window::new(0x1000_0000, 0x2eff_0000), wide: Window::new(0x80_0000_0000, 1 << 30) }
}

fn attach(function: FakeFunction) -> (Result<PciDevice, PciError>, FakeConfig) {
    let mut config = FakeConfig::with([(AT, function)]);
    let found = find(&mut config, 1).next().expect("the device is there");
    let result = found.attach(&mut config, &mut windows());
    (result, config)
}

fn command(config: &mut FakeConfig) -> u32 {
    config.read(PciAddress::new(0, AT.0, AT.1, AT.2), 4) & 0xffff
}

#[test]
fn nothing_there() {
    let mut config = FakeConfig::with([((0, 0, 0), FakeFunction::new(0x1b36, 0x0008))]);
    assert_eq!(find(&mut config, 256).next(), None);
    assert!(config.reads < 256 * 32 + 256 * 32 + 8, "{} reads", config.reads);
}

#[test]
fn finds_several_and_minds_the_multi_function_bit() {
    let several = FakeFunction::new(0x1af4, 0x1000).register(0x0c, 0x0080_0000, 0);
    let single = FakeFunction::new(0x1af4, 0x1000);
    let mut config = FakeConfig::with([
        ((0, 1, 0), several),
        ((0, 1, 5), FakeFunction::plain(MIB)),
        ((0, 2, 0), single),
        ((0, 2, 1), FakeFunction::plain(MIB)),
        ((0, 31, 0), FakeFunction::doorbell(MIB, 1)),
        ((1, 0, 0), FakeFunction::plain(MIB)),
        ((2, 0, 0), FakeFunction::plain(MIB)),
    ]);
    let found: Vec<_> = find(&mut config, 2).map(|function| function.0.to_string()).collect();
    assert_eq!(found, ["0000:00:01.5", "0000:00:1f.0", "0000:01:00.0"]);
}

#[test]
fn places_a_doorbell_device_and_lets_it_master_the_bus() {
    let (device, mut config) = attach(FakeFunction::doorbell(4 * MIB, 3));
    let device = device.unwrap();
    assert_eq!(device.registers, Bar { number: 0, address: 0x1000_0000, size: 256, wide: false });
    assert_eq!(device.memory, Bar { number: 2, address: 0x80_0000_0000, size: 4 * MIB, wide: true });
    let msix = device.msix().unwrap();
    assert_eq!((msix.table, msix.vectors), (0x1000_1000, 3));
    assert_eq!(command(&mut config), 0x0406);
    let at = PciAddress::new(0, AT.0, AT.1, AT.2);
    assert_eq!([0x10, 0x14, 0x18, 0x1c].map(|bar| config.read(at, bar)), [0x1000_0000, 0x1000_1000, 0xc, 0x80]);

    msix.enable(&mut config);
    assert_eq!(config.read(at, 0x40), 0x8002_0011);
}

#[test]
fn keeps_what_firmware_placed_and_refuses_what_is_elsewhere() {
    let firmware = FakeFunction::doorbell(MIB, 1).register(0x10, 0x1000_0000, !0xff).register(0x1c, 0x80, u32::MAX);
    let device = attach(firmware).0.unwrap();
    assert_eq!((device.registers.address, device.memory.address), (0x1000_0000, 0x80_0000_0000));
    assert_eq!(device.msix().unwrap().table, 0x1000_1000, "beside what was placed");

    let elsewhere = FakeFunction::doorbell(MIB, 1).register(0x1c, 0x90, u32::MAX);
    let (error, mut config) = attach(elsewhere);
    assert_eq!(error, Err(PciError::OutsideWindows { bar: 2, address: 0x90_0000_0000 }));
    assert_eq!(command(&mut config) & 7, 0, "answers to no address");
}

#[test]
fn a_plain_device_attaches_but_has_no_interrupts() {
    let device = attach(FakeFunction::plain(MIB)).0.unwrap();
    assert_eq!(device.msix(), Err(PciError::NoMsix));
}

#[test]
fn sizes_to_the_limits() {
    for size in [16, MIB, 1 << 30] {
        assert_eq!(attach(FakeFunction::plain(size)).0.unwrap().memory.size, size);
    }
    for size in [2 << 30, 4 << 30, 1 << 40, 1 << 63] {
        assert_eq!(attach(FakeFunction::plain(size)).0, Err(PciError::WindowTooSmall { bar: 2, size }));
    }
}

#[test]
fn refuses_bars_that_lie() {
    let plain = || FakeFunction::plain(MIB);
    let cases = [
        (plain().register(0x10, 1, !0xff), PciError::NoBar { bar: 0 }),
        (plain().register(0x10, 2, !0xff), PciError::NoBar { bar: 0 }),
        (plain().register(0x10, 0, 0), PciError::NoBar { bar: 0 }),
        (plain().register(0x18, 6, !0xf), PciError::NoBar { bar: 2 }),
        (plain().register(0x18, 0xc, 0).register(0x1c, 0, 0), PciError::NoBar { bar: 2 }),
        (plain().register(0x10, 0, 0xff0f_ff00), PciError::BarNotPowerOfTwo { bar: 0, mask: 0xff0f_ff00 }),
        (plain().register(0x1c, 0, 0), PciError::BarNotPowerOfTwo { bar: 2, mask: 0xfff0_0000 }),
    ];
    for (function, error) in cases {
        assert_eq!(attach(function).0, Err(error));
    }
}

#[test]
fn refuses_a_table_outside_its_bar_and_a_looped_list() {
    let doorbell = || FakeFunction::doorbell(MIB, 2048);
    assert_eq!(attach(doorbell()).0, Err(PciError::BadMsixTable { bar: 1, offset: 0 }));
    for place in [0x0000_0002, 0x0000_0ff9, 0xffff_fff9] {
        let bad = FakeFunction::doorbell(MIB, 1).register(0x44, place, 0);
        let error = PciError::BadMsixTable { bar: (place & 7) as u8, offset: place & !7 };
        assert_eq!(attach(bad).0, Err(error));
    }
    let looped = FakeFunction::doorbell(MIB, 1).register(0x40, 0x4009, 0);
    assert_eq!(attach(looped).0.unwrap().msix, None);
    let into_header = FakeFunction::doorbell(MIB, 1).register(0x34, 0x10, 0);
    assert_eq!(attach(into_header).0.unwrap().msix, None);
}

#[test]
fn windows_run_out_and_align() {
    let mut window = Window::new(0x1100, 0x2000);
    let mut config = FakeConfig::with([(AT, FakeFunction::doorbell(MIB, 1))]);
    let found = Function(PciAddress::new(0, AT.0, AT.1, AT.2));
    let mut windows = Windows { narrow: window.clone(), wide: Window::new(0x80_0000_0000, MIB - 1) };
    assert_eq!(found.attach(&mut config, &mut windows), Err(PciError::WindowTooSmall { bar: 2, size: MIB }));
    window = Window::new(u64::MAX - 10, 10);
    windows = Windows { narrow: window, wide: Window::new(0, MIB) };
    let mut config = FakeConfig::with([(AT, FakeFunction::doorbell(MIB, 1))]);
    assert_eq!(found.attach(&mut config, &mut windows), Err(PciError::WindowTooSmall { bar: 0, size: 0x100 }));
}

#[test]
fn routes_an_entry_and_unmasks_it_last() {
    let masked = || ReadPureWrite(1);
    let mut entry = MsixEntry { address_low: masked(), address_high: masked(), data: masked(), control: masked() };
    MsixEntry::route(UniqueMmioPointer::from(&mut entry), 0x12_0802_0040, 80);
    let words = [&entry.address_low, &entry.address_high, &entry.data, &entry.control].map(|word| u32::from_le(word.0));
    assert_eq!(words, [0x0802_0040, 0x12, 80, 0]);
}

proptest! {
    /// Checks that attaching does not panic for any configuration space, and that accepted BARs are inside the windows.
    #[test]
    fn no_configuration_space_breaks_it(values in proptest::collection::vec(any::<(u32, u32)>(), 64), good in any::<u64>()) {
        let mut function = FakeFunction::doorbell(MIB, 1);
        for (index, &(value, writable)) in values.iter().enumerate().skip(1) {
            // Some registers keep valid values, so that the later checks are reached.
            if good >> index & 1 == 0 {
                function = function.register(index as u16 * 4, value, writable);
            }
        }
        if let (Ok(device), _) = attach(function) {
            prop_assert!(device.registers.size >= Registers::SIZE);
            for bar in [device.registers, device.memory] {
                let (start, end) = if bar.wide { (0x80_0000_0000, 0x80_4000_0000) } else { (0x1000_0000, 0x3eff_0000) };
                prop_assert!(bar.address >= start && bar.address + bar.size <= end);
            }
        }
    }
}
