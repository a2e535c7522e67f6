from services.kit.migrations import run_environment
from services.ticketing.all_tables import metadata

run_environment(metadata)
