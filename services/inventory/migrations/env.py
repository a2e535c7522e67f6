from services.kit.migrations import run_environment
from services.inventory.tables import metadata

run_environment(metadata)
