"""Processes, clock, process image, links, journal, configuration, black box of a node.

Re-exports nothing, so that a process that restarts loads only what it needs. The doors are
`config.load_node`, `supervisor.run_supervisor`, `scan_process.run_scan`, `field_process.run_field`,
`north_process.run_north`, `recorder_process.run_recorder`, `control.request`, `image.Image` and
`replay.replay`; `gatectl.cli.processes` puts them together.
"""
