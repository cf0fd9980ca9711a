"""Readers in other processes query in a loop while ticks publish: no refusal, no torn state (decision 4.1)."""

import multiprocessing as mp
import time
from datetime import timedelta

from pipelines.store import Store
from tests import evidence
from tests.town import START, STEP, Town


def read_in_a_loop(path, stop, told):
    """Open anew each time, as a notebook does; every publication must agree with itself and never go back."""
    from pipelines.published import connect

    reads, last, faults = 0, None, []
    while not stop.is_set():
        try:
            con = connect(path)
            values, distinct, newest = con.execute("""
                SELECT count(*), count(DISTINCT (indicator, place, interval_start)), max(interval_end) FROM indicator_values""").fetchall()[0]
            runs = con.execute("SELECT max(as_of) FROM runs").fetchall()[0][0]
            con.close()
        except Exception as error:
            faults.append(repr(error))
            break
        if values != distinct:
            faults.append(f"{values - distinct} rows twice")
        if last and runs < last:
            faults.append("went back in time")
        if newest is None or newest > runs:
            faults.append(f"torn: values until {newest}, runs until {runs}")
        last, reads = runs, reads + 1
        time.sleep(0.05)  # leaves the processors to the writer
    told.put((reads, faults))


def test_a_reader_in_another_process_is_never_refused_and_sees_whole_states(tmp_path):
    town, ticks = Town(tmp_path), evidence.count(20, 50)
    for number in range(ticks + 1):
        at = START + number * STEP
        town.zones(at + STEP, [(at, "square", 100 + number), (at, "alley", 30)], name="z")
        town.gates(at + STEP, [(at, 40 + number, 20)], name="g")
    context = mp.get_context("spawn")
    stop, told = context.Event(), context.Queue()
    with Store(tmp_path / "w") as store:
        town.tick(store, START + STEP)
        published = tmp_path / "w" / "published" / "indicators.duckdb"
        readers = [context.Process(target=read_in_a_loop, args=(str(published), stop, told)) for _ in range(2)]
        for reader in readers:
            reader.start()
        time.sleep(1)
        for number in range(1, ticks + 1):
            # Two days apart from the 20th on: sealing goes on meanwhile.
            town.tick(store, START + STEP * (number + 1) + (timedelta(days=3) if number > ticks - 10 else timedelta(0)))
    stop.set()
    results = [told.get(timeout=120) for _ in readers]
    for reader in readers:
        reader.join(timeout=60)
    assert all(not faults for _, faults in results), results
    assert all(reads > 5 for reads, _ in results), results
    evidence.record("reading-while-writing", ticks, None, {"reads": [r for r, _ in results], "refused": 0, "torn": 0})
